/**
 * Which node of a snapshot the object at an address is: a table for each 64 KiB in which objects begin, with a place
 * for each that could. Objects lie close together, so do the places that are looked at; a hash table, which scatters
 * them, made a snapshot take twice as long.
 *
 * Costs four bytes for each place: a quarter of the memory that has objects, half of it in `embedded`.
 */

const TABLE_SHIFT = 16
const TABLE_MASK = (1 << TABLE_SHIFT) - 1

export class PlaceMap {
  readonly #tables: (Uint32Array | undefined)[] = []
  readonly #shift: number
  readonly #mask: number
  /** Low bits of every reference. */
  readonly #low: number

  /** @param grainBytes 16, where references are 8 behind a multiple of it, or 8 */
  constructor(grainBytes: number) {
    this.#shift = grainBytes === 16 ? 4 : 3
    this.#mask = grainBytes - 1
    this.#low = grainBytes === 16 ? 8 : 0
  }

  set(reference: number, node: number): void {
    const index = reference >>> TABLE_SHIFT
    const table = this.#tables[index] ?? new Uint32Array((TABLE_MASK + 1) >>> this.#shift)
    this.#tables[index] = table
    table[(reference & TABLE_MASK) >>> this.#shift] = node + 1
  }

  /** The node, or -1 when no object is there. Any word may be asked. */
  get(word: number): number {
    if ((word & this.#mask) !== this.#low) return -1
    const table = this.#tables[word >>> TABLE_SHIFT]
    return table === undefined ? -1 : (table[(word & TABLE_MASK) >>> this.#shift] as number) - 1
  }
}
