/* transforms.c - the list of those that are built in. */
#include <transform/builtin.h>
#include <transform/chain.h>

static const struct leat_transform_type *const all[] = {
    &leat_transform_drop,
    &leat_transform_keep,
    &leat_transform_rename,
    &leat_transform_set,
    &leat_transform_route,
    &leat_transform_unwrap,
    NULL,
};

const struct leat_transform_type *const *leat_transforms(void)
{
    return all;
}
