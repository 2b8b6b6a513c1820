/**
 * The loops that are timed. Every contestant gets a copy of its own: the source of `createLoops` is evaluated anew for
 * each, so that V8 shares neither machine code nor call feedback between them. With one copy for all, the calls in it
 * would have several targets; V8 then neither inlines nor calls them directly, and every contestant would pay some 12
 * ns a call.
 *
 * So `createLoops` must not refer to anything outside itself.
 */

/** What a loop calls; every contestant is called in exactly this way, as methods of a constant object. */
export interface Allocator {
  alloc(bytes: number): number
  free(block: number): unknown
  realloc(block: number, bytes: number): number
  /** Frees everything at once, where the contestant can. */
  reset?(): void
}

/**
 * Addresses of live blocks; for contestants whose blocks are JavaScript objects an array of these under the same type.
 */
export type Blocks = Uint32Array

export type Loops = ReturnType<typeof createLoops>

function createLoops(target: Allocator) {
  /** Allocates a block and frees it, `count` times. */
  function pairs(count: number, bytes: number): void {
    for (let i = 0; i < count; i++) target.free(target.alloc(bytes))
  }

  /** Blocks of sizes[from … to) at the same places of `blocks`. */
  function fill(blocks: Blocks, sizes: Uint32Array, from: number, to: number): void {
    for (let i = from; i < to; i++) blocks[i] = target.alloc(sizes[i] as number)
  }

  function clear(blocks: Blocks, from: number, to: number): void {
    for (let i = from; i < to; i++) target.free(blocks[i] as number)
  }

  /** Steps from … to - 1 of a sequence: frees the block at a random place and puts a new one there. */
  function replace(blocks: Blocks, places: Uint32Array, sizes: Uint32Array, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const place = places[i] as number
      target.free(blocks[place] as number)
      blocks[place] = target.alloc(sizes[i] as number)
    }
  }

  /** A vector that grows from `from` bytes to `to`, doubling; the number of reallocations. */
  function double(from: number, to: number): number {
    let steps = 0
    let block = target.alloc(from)
    for (let bytes = from * 2; bytes <= to; bytes *= 2) {
      block = target.realloc(block, bytes)
      steps++
    }
    target.free(block)
    return steps
  }

  /** The same, growing by `step` bytes at a time. */
  function extend(from: number, to: number, step: number): number {
    let steps = 0
    let block = target.alloc(from)
    for (let bytes = from + step; bytes <= to; bytes += step) {
      block = target.realloc(block, bytes)
      steps++
    }
    target.free(block)
    return steps
  }

  /** Two vectors that grow in turn, so that each finds the other in its way. */
  function extendTwo(from: number, to: number, step: number): number {
    let steps = 0
    let first = target.alloc(from)
    let second = target.alloc(from)
    for (let bytes = from + step; bytes <= to; bytes += step) {
      first = target.realloc(first, bytes)
      second = target.realloc(second, bytes)
      steps += 2
    }
    target.free(first)
    target.free(second)
    return steps
  }

  /** Events of a recorded trace: 0 allocates, 1 frees, 2 reallocates. */
  function replay(
    ops: Uint8Array,
    slots: Uint32Array,
    sizes: Uint32Array,
    blocks: Blocks,
    from: number,
    to: number,
  ): void {
    for (let i = from; i < to; i++) {
      const slot = slots[i] as number
      const op = ops[i]
      if (op === 0) blocks[slot] = target.alloc(sizes[i] as number)
      else if (op === 1) {
        target.free(blocks[slot] as number)
        blocks[slot] = 0
      } else blocks[slot] = target.realloc(blocks[slot] as number, sizes[i] as number)
    }
  }

  return { pairs, fill, clear, replace, double, extend, extendTwo, replay }
}

let copies = 0

/** A copy of the loops for one contestant alone. */
export function loopsFor(target: Allocator): Loops {
  return ownCopy(createLoops)(target)
}

/**
 * A function with the same source and nothing else in common. The number keeps V8's code cache from knowing it again.
 */
export function ownCopy<T extends (...parameters: never[]) => unknown>(source: T): T {
  return new Function(`// copy ${++copies}\nreturn (${source})`)()
}
