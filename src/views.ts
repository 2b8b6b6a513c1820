/**
 * Typed arrays over the whole memory, bound anew when they have been detached.
 *
 * The fields are what the fast paths read; they may be stale, which shows as length 0 (or, for `data`, as an
 * exception).
 */

const NOTHING = new ArrayBuffer(0)

type NumberType = `${'Int' | 'Uint'}${8 | 16 | 32}` | `${'BigInt' | 'BigUint'}64` | `Float${32 | 64}`

/** The part of a `DataView` that reads and writes numbers. */
export type NumberView = Pick<DataView, `${'get' | 'set'}${NumberType}`>

export class Views {
  readonly #memory: WebAssembly.Memory
  #closed = false
  #shield: NumberView | undefined
  /** Called when the memory was found grown. */
  onGrowth: (() => void) | undefined
  /**
   * What numbers at addresses of the user's are read and written through: `data`, unless something in the memory is
   * protected.
   */
  open: NumberView = new DataView(NOTHING)
  data = new DataView(NOTHING)
  u8 = new Uint8Array(NOTHING)
  i8 = new Int8Array(NOTHING)
  u16 = new Uint16Array(NOTHING)
  i16 = new Int16Array(NOTHING)
  u32 = new Uint32Array(NOTHING)
  i32 = new Int32Array(NOTHING)
  u64 = new BigUint64Array(NOTHING)
  i64 = new BigInt64Array(NOTHING)
  f32 = new Float32Array(NOTHING)
  f64 = new Float64Array(NOTHING)

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory
    this.refresh()
  }

  /** Bind what is stale; the memory's size in bytes. */
  refresh(): number {
    const buffer = this.#closed ? NOTHING : this.#memory.buffer
    if (this.u8.buffer !== buffer) {
      this.#bind(buffer)
      this.onGrowth?.()
    }
    return buffer.byteLength
  }

  /** Read and write numbers at addresses of the user's through this one; undefined: no longer. */
  shield(view: NumberView | undefined): void {
    this.#shield = view
    this.open = view ?? this.data
  }

  /** Let go of the memory: every later access finds views of length 0. */
  close(): void {
    this.#closed = true
    this.#bind(NOTHING)
  }

  #bind(buffer: ArrayBuffer): void {
    this.data = new DataView(buffer)
    this.open = this.#shield ?? this.data
    this.u8 = new Uint8Array(buffer)
    this.i8 = new Int8Array(buffer)
    this.u16 = new Uint16Array(buffer)
    this.i16 = new Int16Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.i32 = new Int32Array(buffer)
    this.u64 = new BigUint64Array(buffer)
    this.i64 = new BigInt64Array(buffer)
    this.f32 = new Float32Array(buffer)
    this.f64 = new Float64Array(buffer)
  }
}
