/**
 * Layers of a forked memory. A layer is a file in memory that holds pages as they were at one fork; memories map parts
 * of it privately, so that they share a page until one of them stores to it. What a memory has for itself is what was
 * stored to since its last fork, and only that is written when it is forked again.
 *
 * `freeze` brings a memory to the state in which all that is not zero lies in layers; `mapInto` maps the same over
 * another memory. The steps of `freeze`, with what keeps it cheap:
 *
 * 1. Ask the system for the private pages. Those over a layer that no other memory maps are written in place there.
 * 2. The others go to the newest such layer, or to a new one when every layer is somebody else's too.
 * 3. Where there are too many layers, the pages of the smallest are copied along; where there are too many extents, the
 *    densest stretches are. Either costs a factor over the pages written since the last time, not the memory's size.
 * 4. Then the private pages are dropped and what was written is mapped in their place: contents never change.
 *
 * Guarantee: when a call of the system fails, every memory reads as before, and the table says what is mapped where.
 * A descriptor is open as long as a memory with an open heap maps its layer.
 */
import { PlatformError } from '../errors.js'
import type { ForkCalls, PageSpan } from './fork-calls.js'
import { bytesOf, intersectSpans, subtractSpans, uniteSpans } from './fork-spans.js'

/** More than so many layers of a memory, and the smallest are folded into one until half are left. */
const LAYERS_MAX = 16
/** Extents are folded in stretches of this length; when that is not enough, in longer ones. */
const STRETCH_MIN_BYTES = 2 ** 16
const STRETCH_MAX_BYTES = 2 ** 32
const STRETCH_STEP = 4
/** A shorter stretch is worth while when it has so many. */
const STRETCH_EXTENTS = 3
/** A layer that one memory maps alone gives room back when it holds so many times what is mapped of it. */
const SLACK = 2

/** A file in memory. */
export class Layer {
  /** Undefined once it is closed: what is mapped of it stays. */
  fd: number | undefined
  bytes: number
  /** The tables of memories that it is mapped over. */
  readonly users = new Set<LayerTable>()

  constructor(fd: number, bytes: number) {
    this.fd = fd
    this.bytes = bytes
  }
}

/** A part of a memory that a layer is mapped over. */
export interface Extent extends PageSpan {
  readonly layer: Layer
}

/** What freezing a memory took. */
export interface FreezeFigures {
  /** Written to layers. */
  readonly copiedBytes: number
  /** Of these, copied along to have fewer layers and extents. */
  readonly foldedBytes: number
}

/** Limits that tests lower. */
export interface LayerLimits {
  readonly layersMax: number
  readonly extentsMax: number
}

export class LayerTable {
  readonly #calls: ForkCalls
  readonly #limits: LayerLimits
  #extents: readonly Extent[] = []
  /** Whether a heap over the memory may fork it again. */
  #isOpen = true

  constructor(calls: ForkCalls, limits: Partial<LayerLimits> = {}) {
    this.#calls = calls
    this.#limits = { layersMax: LAYERS_MAX, extentsMax: calls.extentsMax, ...limits }
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get extents(): readonly Extent[] {
    return this.#extents
  }

  get layers(): Set<Layer> {
    return new Set(this.#extents.map(({ layer }) => layer))
  }

  /** Bytes that layers are mapped over. */
  get mappedBytes(): number {
    return bytesOf(this.#extents)
  }

  // ---- freezing -----------------------------------------------------------------------------------------------------

  /**
   * Put all private pages into layers; no others in `except`, which are mapped from elsewhere.
   *
   * @throws PlatformError
   */
  freeze(memory: WebAssembly.Memory, except: readonly PageSpan[] = []): FreezeFigures {
    this.#isOpen = true
    const { byteLength } = memory.buffer
    const stored = this.#calls.privatePages(memory)
    const own = this.#extents.filter(({ layer }) => this.#isOwn(layer))
    const inPlace = intersectSpans(stored, own)
    const lost = this.#extents.filter(({ layer }) => layer.fd === undefined)
    const wanted = uniteSpans(subtractSpans(stored, inPlace), lost)
    const fresh = this.#withFolds(wanted, inPlace, except)
    this.#writeInPlace(memory, own, inPlace)
    if (fresh.length > 0) this.#writeFresh(memory, fresh, byteLength)
    // In place are also pages of what was folded: they were dropped with it.
    for (const span of subtractSpans(inPlace, fresh)) this.#calls.reread(memory, span)
    const copiedBytes = bytesOf(fresh) + bytesOf(subtractSpans(inPlace, fresh))
    for (const layer of this.layers) this.#trim(layer)
    return { copiedBytes, foldedBytes: bytesOf(fresh) - bytesOf(wanted) }
  }

  /** Whether no other memory maps it. */
  #isOwn(layer: Layer): boolean {
    return layer.fd !== undefined && layer.users.size === 1
  }

  /** Private pages stay in front of what is written here until they are dropped. */
  #writeInPlace(memory: WebAssembly.Memory, own: readonly Extent[], spans: readonly PageSpan[]): void {
    for (const layer of new Set(own.map((extent) => extent.layer))) {
      const places = intersectSpans(
        spans,
        own.filter((extent) => extent.layer === layer),
      )
      for (const span of places) this.#calls.write(layer.fd as number, memory, span)
    }
  }

  #writeFresh(memory: WebAssembly.Memory, fresh: readonly PageSpan[], memoryBytes: number): void {
    const target = this.#target(fresh, memoryBytes)
    const fd = target.fd as number
    let mapped = 0
    try {
      for (const span of fresh) this.#calls.write(fd, memory, span)
      for (const span of fresh) {
        this.#calls.map(fd, memory, span)
        mapped++
      }
    } finally {
      if (mapped > 0) this.#enter(fresh.slice(0, mapped), target)
      else if (target.users.size === 0) this.#close(target)
    }
  }

  /** The layer that new pages are written to: one's own of the most extents, if there is one, else a new one. */
  #target(fresh: readonly PageSpan[], memoryBytes: number): Layer {
    const sizes = this.#sizes()
    let found: Layer | undefined
    for (const [layer, bytes] of sizes) {
      if (this.#isOwn(layer) && bytes > (found ? (sizes.get(found) ?? 0) : -1)) found = layer
    }
    if (!found) return new Layer(this.#calls.open(memoryBytes), memoryBytes)
    const needed = (fresh.at(-1) as PageSpan).to
    if (needed > found.bytes) {
      this.#calls.lengthen(found.fd as number, memoryBytes)
      found.bytes = memoryBytes
    }
    return found
  }

  /** Mapped bytes of each layer. */
  #sizes(): Map<Layer, number> {
    const sizes = new Map<Layer, number>()
    for (const { layer, from, to } of this.#extents) sizes.set(layer, (sizes.get(layer) ?? 0) + to - from)
    return sizes
  }

  // ---- folding ------------------------------------------------------------------------------------------------------

  /** `wanted`, and what is to be copied along. */
  #withFolds(wanted: PageSpan[], inPlace: readonly PageSpan[], except: readonly PageSpan[]): PageSpan[] {
    if (wanted.length === 0 && inPlace.length === 0) return wanted
    const layers = this.#layersToFold()
    const withLayers =
      layers.size === 0
        ? wanted
        : uniteSpans(
            wanted,
            this.#extents.filter((e) => layers.has(e.layer)),
          )
    return this.#withStretches(withLayers, except)
  }

  /** The smallest, so that half of the most are left. */
  #layersToFold(): Set<Layer> {
    const sizes = [...this.#sizes()].sort(([, a], [, b]) => a - b)
    const { layersMax } = this.#limits
    if (sizes.length < layersMax) return new Set()
    return new Set(sizes.slice(0, sizes.length - Math.floor(layersMax / 2)).map(([layer]) => layer))
  }

  /** With whole stretches, short and dense ones first, so that half of the most extents are left. */
  #withStretches(fresh: PageSpan[], except: readonly PageSpan[]): PageSpan[] {
    const { extentsMax } = this.#limits
    let spans = fresh
    let most = extentsMax
    for (let bytes = STRETCH_MIN_BYTES; bytes <= STRETCH_MAX_BYTES; bytes *= STRETCH_STEP) {
      const all = [...subtractExtents(this.#extents, spans), ...spans]
      if (all.length <= most) return spans
      most = extentsMax / 2
      spans = uniteSpans(spans, subtractSpans(densest(all, bytes, all.length - most), except))
    }
    return spans
  }

  // ---- the table ----------------------------------------------------------------------------------------------------

  /** A layer has been mapped over spans. */
  #enter(spans: readonly PageSpan[], layer: Layer): void {
    const added: Extent[] = spans.map(({ from, to }) => ({ from, to, layer }))
    this.#replace(joinExtents([...subtractExtents(this.#extents, spans), ...added].sort((a, b) => a.from - b.from)))
  }

  /** Other pages have been mapped over a range: it is nothing of ours any more. */
  forget(span: PageSpan): void {
    if (this.overlaps(span)) this.#replace(subtractExtents(this.#extents, [span]))
  }

  overlaps({ from, to }: PageSpan): boolean {
    return this.#extents.some((extent) => extent.from < to && extent.to > from)
  }

  #replace(extents: readonly Extent[]): void {
    const before = this.layers
    this.#extents = extents
    const after = this.layers
    for (const layer of after) if (!before.has(layer)) layer.users.add(this)
    for (const layer of before) if (!after.has(layer)) this.#leave(layer)
  }

  #leave(layer: Layer): void {
    layer.users.delete(this)
    this.#closeIfUnused(layer)
    const [last] = layer.users
    if (last && layer.users.size === 1) last.#trim(layer)
  }

  #closeIfUnused(layer: Layer): void {
    for (const user of layer.users) if (user.#isOpen) return
    this.#close(layer)
  }

  #close(layer: Layer): void {
    if (layer.fd !== undefined) this.#calls.close(layer.fd)
    layer.fd = undefined
  }

  /** Give back room of a layer of one's own that nothing is mapped of. */
  #trim(layer: Layer): void {
    if (!this.#isOwn(layer)) return
    const fd = layer.fd as number
    const mapped = this.#extents.filter((extent) => extent.layer === layer)
    if (this.#calls.heldBytes(fd) <= SLACK * bytesOf(mapped)) return
    try {
      for (const span of subtractSpans([{ from: 0, to: layer.bytes }], mapped)) this.#calls.punch(fd, span)
    } catch (error) {
      // Room that is kept is only memory, and this runs in collections, too, where an error would end the process.
      if (!(error instanceof PlatformError)) throw error
    }
  }

  // ---- other memories -----------------------------------------------------------------------------------------------

  /**
   * Map the same over another memory, which is fresh; its table.
   *
   * @throws PlatformError; the memory is of no use then
   */
  mapInto(memory: WebAssembly.Memory): LayerTable {
    for (const extent of this.#extents) this.#calls.map(extent.layer.fd as number, memory, extent)
    const table = new LayerTable(this.#calls, this.#limits)
    table.#replace(this.#extents)
    return table
  }

  /** No heap over the memory will fork it: descriptors that nobody else needs are closed. Mappings stay. */
  close(): void {
    this.#isOpen = false
    for (const layer of this.layers) this.#closeIfUnused(layer)
  }

  /** The memory is gone, or all of it has been mapped anew. */
  drop(): void {
    this.#isOpen = false
    this.#replace([])
  }
}

/** What of `extents` lies in none of `spans`. */
function subtractExtents(extents: readonly Extent[], spans: readonly PageSpan[]): Extent[] {
  const left: Extent[] = []
  let index = 0
  for (const { layer, ...extent } of extents) {
    while (index < spans.length && (spans[index] as PageSpan).to <= extent.from) index++
    let last = index
    while (last < spans.length && (spans[last] as PageSpan).from < extent.to) last++
    for (const part of subtractSpans([extent], spans.slice(index, last))) left.push({ ...part, layer })
  }
  return left
}

/** Neighbours of one layer as one. */
function joinExtents(extents: readonly Extent[]): Extent[] {
  const joined: Extent[] = []
  for (const extent of extents) {
    const last = joined.at(-1)
    if (last?.to === extent.from && last.layer === extent.layer) {
      joined[joined.length - 1] = { from: last.from, to: extent.to, layer: extent.layer }
    } else joined.push(extent)
  }
  return joined
}

interface Stretch {
  from: number
  to: number
  count: number
}

/** The stretches of a length that have the most spans, ascending, so many that `fewer` are left when each is one. */
function densest(spans: readonly PageSpan[], bytes: number, fewer: number): PageSpan[] {
  const chosen: PageSpan[] = []
  let left = fewer
  for (const { from, to, count } of [...countStretches(spans, bytes)].sort((a, b) => b.count - a.count)) {
    if (left <= 0 || count < STRETCH_EXTENTS) break
    chosen.push({ from, to })
    left -= count - 1
  }
  return chosen.sort((a, b) => a.from - b.from)
}

/** How many spans lie in each stretch, and from where to where; one that crosses into the next counts in both. */
function countStretches(spans: readonly PageSpan[], bytes: number): Iterable<Stretch> {
  const stretches = new Map<number, Stretch>()
  for (const span of spans) {
    for (let at = Math.floor(span.from / bytes); at * bytes < span.to; at++) {
      const from = Math.max(span.from, at * bytes)
      const to = Math.min(span.to, (at + 1) * bytes)
      const found = stretches.get(at)
      if (!found) stretches.set(at, { from, to, count: 1 })
      else {
        found.from = Math.min(found.from, from)
        found.to = Math.max(found.to, to)
        found.count++
      }
    }
  }
  return stretches.values()
}
