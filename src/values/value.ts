/** What the types of values are called in signatures. */
import type { ObjectView } from '../objects/view.js'
import type { Special } from './word.js'

/**
 * Whatever a slot for values holds. Written as any of these; text becomes a string of the heap. Read: numbers,
 * booleans, null and undefined as they are, everything else as a view in the innermost scope, text as a `HeapString`.
 */
export type Value = number | boolean | null | undefined | string | Special | ObjectView
