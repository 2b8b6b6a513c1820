/** Sizes that plans decide by. */

/** Objects above this do not make a hole be given up: they go to a block of their own. */
export const OBJECT_BLOCK_MEDIUM_BYTES: u32 = 256
