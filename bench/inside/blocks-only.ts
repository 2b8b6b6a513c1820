// biome-ignore-all lint: AssemblyScript
/** Nothing but blocks: the exports that a guest linked for malloc alone needs. Only this module's size is looked at. */

export { alloc, allocAligned, allocZeroed, create, free, realloc, usableSize } from '../../kernel/abi'
