/** How blocks are freed where all of them are the caller's: without counted objects. No logic. */
export { free, freeSized } from './block/alloc'
export { realloc } from './block/realloc'
