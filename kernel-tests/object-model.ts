/**
 * A plain JavaScript graph beside the objects of a heap: random operations go to both, and after each collection all
 * that the roots reach must be there, with the same edges, sizes and bytes, wherever it now lies. Where a reference may
 * be there is, as often as not, another word: it must stay as it is, bit for bit. The oracle for every collector:
 * nothing in it knows how objects are laid out but `#offset`.
 */
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'
import type { ObjectKernel } from './object-kernel.js'

type Kind = 'pair' | 'leaf' | 'bytes' | 'array' | 'mask' | 'list' | 'mixed' | 'wide' | 'weakRef' | 'weakMap'
const KINDS: readonly Kind[] = ['pair', 'leaf', 'bytes', 'array', 'mask', 'list', 'mixed', 'wide']

/** What a word is: the reference of an object, or these bits. */
export type Word = Node | number

/** Upper halves of wide values in which nothing refers, whatever the lower half is. */
const HIGH_HALVES = [
  0,
  0x80000000,
  0x7ff00000,
  0xfff00000,
  values.WIDE_NAN,
  0x40090000,
  values.WIDE_INTEGER,
  values.WIDE_SPECIAL,
  values.WIDE_REFERENCE - 1,
  values.WIDE_REFERENCE + 1,
  values.WIDE_REFERENCE >>> 1,
]

export interface Node {
  readonly id: number
  readonly kind: Kind
  readonly payloadBytes: number
  readonly references: Word[]
  /** Of an array of wide values: the upper half of each element. */
  readonly high: number[]
  /** Of a weak reference. */
  target?: Node | undefined
  /** Of a weak map. */
  readonly entries: Map<Node, Word>
  hash: number
}

interface Root {
  readonly how: 'strong' | 'pinned' | 'slot' | 'weak'
  readonly slot: number
  /** Of a slot root: the word that it names. */
  readonly address: number
  word: Word
  /** Of a pinned root: where its object must stay. */
  readonly reference: number
}

const ROOT_KINDS = {
  strong: objects.ROOT_STRONG,
  pinned: objects.ROOT_PINNED,
  slot: objects.ROOT_SLOT,
  weak: objects.ROOT_WEAK,
}

interface Found {
  readonly node: Node
  readonly reference: number
}

export class ObjectModel {
  readonly kernel: ObjectKernel
  readonly #below: (below: number) => number
  readonly #types = new Map<Kind, number>()
  #nextId = 1
  /** Handle slots in order. */
  #handles: { slot: number; word: Word }[] = []
  #scopes: { top: number; count: number }[] = []
  #roots: Root[] = []
  readonly #shadow: Word[] = []
  readonly #pins: { word: Word; bits: number }[] = []
  #globalObject: Word = 0
  #exception: Word = 0
  /** The roots of the values' state. */
  readonly #state: Word[] = Array(values.VALUES_ROOTS).fill(0)
  readonly #stateAt: number
  readonly #finalizers = new Map<number, Node>()
  #nextFinalizer = 1
  readonly #words: number
  #freeWords: number[] = []
  /** Requests refused for lack of memory. */
  refused = 0
  operations = 0

  constructor(kernel: ObjectKernel, below: (below: number) => number) {
    this.kernel = kernel
    this.#below = below
    this.#register()
    kernel.expectOk('shadowCreate', 16, 0)
    kernel.expectOk('shadowCreate', 8, 1)
    // Words outside the objects that slot roots name.
    this.#words = kernel.run('alloc', 64)
    if (!this.#words) throw new Error('no memory for the words of slot roots')
    this.#stateAt = kernel.run('valuesCreate', 4 * values.VALUES_ROOTS)
    if (!this.#stateAt) throw new Error('no memory for the values’ state')
    this.#freeWords = Array.from({ length: 8 }, (_, i) => this.#words + 4 * i)
  }

  #register(): void {
    const { kernel } = this
    const add = (kind: Kind, ...numbers: number[]) => {
      const id = kernel.run('typeAdd', 0, 0, ...numbers)
      if (!id) throw new Error(`type ${kind} was refused`)
      this.#types.set(kind, id)
    }
    const { SHAPE_LEAF, SHAPE_LIST, SHAPE_MASK, SHAPE_MIXED, SHAPE_PREFIX, SHAPE_REFS, SHAPE_WIDE } = objects
    const { TRAIL_BYTES, TRAIL_MIXED, TRAIL_NONE, TRAIL_REFS } = objects
    add('pair', SHAPE_PREFIX, TRAIL_NONE, 2, 12, 0, 0, 0)
    add('leaf', SHAPE_LEAF, TRAIL_NONE, 0, 4, 0, 0, 0)
    add('bytes', SHAPE_LEAF, TRAIL_BYTES, 0, 4, 0, 1, 0)
    add('array', SHAPE_REFS, TRAIL_REFS, 1, 8, 0, 4, 0)
    add('mask', SHAPE_MASK, TRAIL_NONE, 0, 20, 0b1010, 0, 0)
    const text = kernel.run('typeText', 6)
    new Uint16Array(kernel.memory.buffer, text, 3).set([4, 12, 24])
    const list = kernel.run('typeAdd', text, 6, SHAPE_LIST, TRAIL_NONE, 3, 32, text, 0, 0)
    this.#types.set('list', list)
    add('mixed', SHAPE_MIXED, TRAIL_MIXED, 1, 8, 0, 12, 0b101)
    add('wide', SHAPE_WIDE, TRAIL_BYTES, 1, 8, 0, 8, 0)
    this.#types.set('weakRef', objects.TYPE_WEAK_REF)
    this.#types.set('weakMap', objects.TYPE_WEAK_MAP)
  }

  // ---- layout of the kinds ----------------------------------------------------------------------------------------

  /** Payload offset of reference `index`. */
  #offset(kind: Kind, index: number): number {
    if (kind === 'array') return index === 0 ? 0 : 8 + 4 * (index - 1)
    if (kind === 'wide') return index === 0 ? 0 : 8 * index
    if (kind === 'mask') return index === 0 ? 4 : 12
    if (kind === 'list') return [4, 12, 24][index] as number
    if (kind === 'mixed') return index === 0 ? 0 : 8 + 12 * ((index - 1) >> 1) + 8 * ((index - 1) & 1)
    return 4 * index
  }

  #idOffset(kind: Kind): number {
    const offsets = { pair: 8, leaf: 0, bytes: 0, array: 4, mask: 0, list: 0, mixed: 4, wide: 4 }
    return kind === 'weakRef' || kind === 'weakMap' ? -1 : offsets[kind]
  }

  #make(kind: Kind): Node {
    const many = this.#below(8) === 0 ? this.#below(this.kernel.mode === 'vm' ? 3000 : 40) : this.#below(12)
    const [payloadBytes, references] = ((): [number, number] => {
      if (kind === 'pair') return [12, 2]
      if (kind === 'leaf') return [4, 0]
      if (kind === 'bytes') return [4 + many * 3, 0]
      if (kind === 'array') return [8 + 4 * many, 1 + many]
      if (kind === 'wide') return [8 + 8 * many, 1 + many]
      if (kind === 'mask') return [20, 2]
      if (kind === 'list') return [32, 3]
      return [8 + 12 * many, 1 + 2 * many]
    })()
    const id = this.#nextId++
    const high = Array(kind === 'wide' ? references : 0).fill(0)
    return { id, kind, payloadBytes, references: Array(references).fill(0), high, entries: new Map(), hash: 0 }
  }

  #fill(node: Node, reference: number): void {
    this.kernel.setU32(reference + this.#idOffset(node.kind), node.id)
    if (node.kind === 'bytes') {
      const bytes = new Uint8Array(this.kernel.memory.buffer, reference + 4, node.payloadBytes - 4)
      for (let i = 0; i < bytes.length; i++) bytes[i] = node.id * 7 + i
    }
    if (node.kind === 'mixed') {
      for (let at = 8; at < node.payloadBytes; at += 12) this.kernel.setU32(reference + at + 4, node.id ^ at)
    }
  }

  // ---- operations -------------------------------------------------------------------------------------------------

  /** One random operation. */
  step(): void {
    this.operations++
    if (this.#below(50) === 0) this.kernel.verify()
    if (this.kernel.hasNursery && this.#below(8) === 0) {
      this.#moreWithNursery()
      return
    }
    const choice = this.#below(44)
    if (choice >= 40) this.#moreWords(choice)
    else if (choice < 12) this.#new()
    else if (choice < 20) this.#link()
    else if (choice < 22) this.#unlink()
    else if (choice === 22) this.#openScope()
    else if (choice === 23 || this.#handles.length > 60) this.#closeScope()
    else if (choice < 26) this.#addRoot()
    else if (choice < 28) this.#removeRoot()
    else if (choice === 28) this.#pushShadow()
    else if (choice === 29) this.#popShadow()
    else if ((choice === 30 || choice === 31) && this.kernel.hasNursery) this.#collectSome()
    else if (choice === 30) this.collect(objects.COLLECT_FULL)
    else if (choice === 31) this.collect(objects.COLLECT_COMPACT)
    else if (choice === 32) this.#newWeakRef()
    else if (choice === 33) this.#newWeakMap()
    else if (choice < 36) this.#setWeakMap()
    else if (choice === 36) this.#deleteWeakMap()
    else if (choice === 37) this.#addFinalizer()
    else if (choice === 38) this.#hash()
    else this.#setGlobals()
  }

  /** Words where no object is named, or many at once. */
  #moreWords(choice: number): void {
    if (choice === 40) this.#storeMany()
    else if (choice < 43) this.#unlink()
    else {
      const bits = this.#drawBits()
      const slot = this.kernel.run('handlePush', bits)
      if (slot) this.#keep(slot, bits)
    }
  }

  /** Begin a cycle, if there are any and none goes on. */
  beginCycle(): void {
    const { kernel } = this
    if (kernel.word(objects.SPACE_PHASE_AT) !== objects.PHASE_IDLE) return
    kernel.setWord(objects.SPACE_ALLOCATED_AT, kernel.word(objects.SPACE_BUDGET_AT))
    kernel.run('step', 1)
  }

  /** With a nursery, most collections are minor or steps of a cycle. */
  #collectSome(): void {
    const choice = this.#below(16)
    if (choice === 0) this.collect(objects.COLLECT_FULL)
    else if (choice === 1) this.collect(objects.COLLECT_COMPACT)
    else if (choice < 6) {
      this.kernel.expectOk('collect', objects.COLLECT_MINOR)
      this.check()
    } else {
      this.kernel.run('step', 1 << this.#below(12))
      this.check()
    }
  }

  /** What only collectors with a nursery, or in steps, are sensitive to. */
  #moreWithNursery(): void {
    const choice = this.#below(5)
    if (choice < 2) this.#burst()
    else if (choice === 2) this.#copyReferences()
    else if (choice === 3) this.#readWeakly()
    else for (let i = this.#below(30); i > 0; i--) this.#hash()
  }

  /** Garbage, now and then more than the nursery holds. */
  #burst(): void {
    const type = this.#types.get('bytes') as number
    for (let i = this.#below(this.#below(4) === 0 ? 800 : 40); i > 0; i--) {
      this.kernel.run('objectNew', type, 4 + this.#below(200))
    }
  }

  /** Copy some elements of one array over others, of the same array or of another one. */
  #copyReferences(): void {
    const [to, from] = [this.#pick(), this.#pick()]
    if (to?.node.kind !== 'array' || from?.node.kind !== 'array') return
    const [most, available] = [to.node.references.length - 1, from.node.references.length - 1]
    const count = this.#below(Math.min(most, available) + 1)
    const [at, start] = [1 + this.#below(most - count + 1), 1 + this.#below(available - count + 1)]
    const copied = from.node.references.slice(start, start + count)
    to.node.references.splice(at, count, ...copied)
    const place = ({ reference }: Found, index: number) => reference + this.#offset('array', index)
    this.kernel.run('copyReferences', to.reference, place(to, at), place(from, start), count)
  }

  /** What a weak reference still leads to is held again. */
  #readWeakly(): void {
    const weak = this.#lastHandle('weakRef')
    if (!weak) return
    const reference = this.kernel.run('weakRefGet', this.kernel.u32(weak.slot))
    if (!reference) return
    if (!weak.node.target) throw new Error(`weak reference ${weak.node.id} has an object again`)
    this.#keepReference(reference, weak.node.target)
  }

  #keep(slot: number, word: Word): void {
    this.#handles.push({ slot, word })
  }

  #lastHandle(kind: Kind): { readonly slot: number; readonly node: Node } | undefined {
    const found = this.#handles.filter(({ word }) => typeof word === 'object' && word.kind === kind).at(-1)
    return found && { slot: found.slot, node: found.word as Node }
  }

  /** A word that is no reference: an integer, a special, a character; many look like an object's reference but for tags. */
  #drawBits(): number {
    const choice = this.#below(4)
    if (choice === 0) return 0
    const found = choice === 1 ? this.#pick() : undefined
    const bits = found ? found.reference : this.#below(2 ** 16) * 2 ** 16 + this.#below(2 ** 16)
    const tag = [1, 3, 5, 7, 2, 6][this.#below(6)] as number
    return ((bits & ~7) | tag) >>> 0
  }

  /** Any word, and its bits now. */
  #drawWord(): { readonly word: Word; readonly bits: number } | undefined {
    if (this.#below(3) === 0) {
      const bits = this.#drawBits()
      return { word: bits, bits }
    }
    const found = this.#pick()
    return found && { word: found.node, bits: found.reference }
  }

  #refuse(what: string): void {
    const status = this.kernel.word(objects.SPACE_STATUS_AT)
    if (status !== layout.STATUS_OUT_OF_MEMORY) throw new Error(`${what}: status ${status}`)
    this.refused++
  }

  #new(): void {
    const node = this.#make(KINDS[this.#below(KINDS.length)] as Kind)
    const slot = this.kernel.run('objectPush', this.#types.get(node.kind) as number, node.payloadBytes)
    if (!slot) {
      this.#refuse('objectPush')
      return
    }
    this.#fill(node, this.kernel.u32(slot))
    this.#keep(slot, node)
  }

  #link(): void {
    const value = this.#drawWord()
    const from = this.#pick()
    if (!from || !value || from.node.references.length === 0) return
    const index = this.#below(from.node.references.length)
    if (from.node.kind === 'wide' && index > 0) this.#storeWide(from, index, value.word, value.bits)
    else this.#store(from, index, value.word, value.bits)
  }

  #unlink(): void {
    const from = this.#pick()
    if (!from || from.node.references.length === 0) return
    const index = this.#below(from.node.references.length)
    if (from.node.kind === 'wide' && index > 0) this.#storeDouble(from, index)
    else this.#store(from, index, 0, 0)
  }

  #store({ node, reference }: Found, index: number, word: Word, bits: number): void {
    node.references[index] = word
    this.kernel.storeReference(reference, reference + this.#offset(node.kind, index), bits)
  }

  #storeWide({ node, reference }: Found, index: number, word: Word, bits: number, high = values.WIDE_REFERENCE): void {
    node.references[index] = word
    node.high[index] = high
    this.kernel.run('storeWide', reference, reference + this.#offset('wide', index), bits, high)
  }

  /** A wide value that is no word: its lower half may look like any reference, and refers to nothing. */
  #storeDouble(holder: Found, index: number): void {
    const low = this.#below(2) === 0 ? (this.#pick()?.reference ?? 0) : this.#drawBits()
    this.#storeWide(holder, index, low, low, HIGH_HALVES[this.#below(HIGH_HALVES.length)])
  }

  /** Change many elements of one object, so that the log overflows where it is short. */
  #storeMany(): void {
    const from = this.#pick()
    const value = this.#drawWord()
    if (!from || !value) return
    const isWide = from.node.kind === 'wide'
    for (let i = 1; i < from.node.references.length && i < 100; i++) {
      if (isWide && this.#below(4) === 0) this.#storeDouble(from, i)
      else if (isWide) this.#storeWide(from, i, value.word, value.bits)
      else this.#store(from, i, value.word, value.bits)
    }
  }

  #openScope(): void {
    this.#scopes.push({ top: this.kernel.word(objects.SPACE_HANDLE_TOP_AT), count: this.#handles.length })
  }

  #closeScope(): void {
    const scope = this.#scopes.pop() ?? { top: 0, count: 0 }
    this.kernel.run('handlePop', scope.top)
    this.#handles.length = scope.count
  }

  #addRoot(): void {
    const how = (['strong', 'pinned', 'slot', 'weak'] as const)[this.#below(4)] as Root['how']
    const drawn = this.#drawWord()
    if (!drawn || (how === 'weak' && typeof drawn.word === 'number')) return
    let address = 0
    if (how === 'slot') {
      address = this.#freeWords.pop() ?? 0
      if (!address) return
      this.kernel.setU32(address, drawn.bits)
    }
    const slot = this.kernel.run('rootAdd', ROOT_KINDS[how], address || drawn.bits)
    if (!slot) {
      if (address) this.#freeWords.push(address)
      this.#refuse('rootAdd')
      return
    }
    // Adding may have collected, and moved, in a small buffer.
    const reference = how === 'pinned' ? this.kernel.u32(slot) : 0
    this.#roots.push({ how, slot, address, word: drawn.word, reference })
  }

  #removeRoot(): void {
    if (this.#roots.length === 0) return
    const [root] = this.#roots.splice(this.#below(this.#roots.length), 1) as [Root]
    this.kernel.expectOk('rootRemove', ROOT_KINDS[root.how], root.slot)
    if (root.address) this.#freeWords.push(root.address)
  }

  #pushShadow(): void {
    const drawn = this.#drawWord()
    if (!drawn) return
    const isPinning = this.#below(3) === 0
    const at = isPinning ? objects.SPACE_PIN_TOP_AT : objects.SPACE_SHADOW_TOP_AT
    const top = this.kernel.word(at)
    if (top === this.kernel.word(isPinning ? objects.SPACE_PIN_LIMIT_AT : objects.SPACE_SHADOW_LIMIT_AT)) return
    this.kernel.setU32(top, drawn.bits)
    this.kernel.setWord(at, top + 4)
    if (isPinning) this.#pins.push(drawn)
    else this.#shadow.push(drawn.word)
  }

  #popShadow(): void {
    const isPinning = this.#below(3) === 0
    const stack = isPinning ? this.#pins : this.#shadow
    if (stack.length === 0) return
    stack.pop()
    const at = isPinning ? objects.SPACE_PIN_TOP_AT : objects.SPACE_SHADOW_TOP_AT
    this.kernel.setWord(at, this.kernel.word(at) - 4)
  }

  #newWeakRef(): void {
    const found = this.#pick()
    const slot = found ? this.kernel.run('handlePush', found.reference) : 0
    if (!found || !slot) return
    this.#keep(slot, found.node)
    const reference = this.kernel.run('weakRefNew', slot)
    if (!reference) {
      this.#refuse('weakRefNew')
      return
    }
    const node: Node = { ...this.#make('leaf'), kind: 'weakRef', payloadBytes: 8, target: found.node }
    this.#keepReference(reference, node)
  }

  #newWeakMap(): void {
    const reference = this.kernel.run('weakMapNew')
    if (!reference) {
      this.#refuse('weakMapNew')
      return
    }
    this.#keepReference(reference, { ...this.#make('leaf'), kind: 'weakMap', payloadBytes: 8 })
  }

  #keepReference(reference: number, node: Node): void {
    const slot = this.kernel.run('handlePush', reference)
    if (slot) this.#keep(slot, node)
  }

  #setWeakMap(): void {
    const map = this.#lastHandle('weakMap')
    const key = this.#pick()
    if (!map || !key) return
    const keySlot = this.kernel.run('handlePush', key.reference)
    if (!keySlot) return
    this.#keep(keySlot, key.node)
    const value = this.#drawWord()
    const valueSlot = value ? this.kernel.run('handlePush', value.bits) : 0
    if (!value || !valueSlot) return
    this.#keep(valueSlot, value.word)
    const status = this.kernel.run('weakMapSet', map.slot, keySlot, valueSlot)
    if (status === layout.STATUS_OK) map.node.entries.set(key.node, value.word)
    else if (status !== layout.STATUS_OUT_OF_MEMORY) throw new Error(`weakMapSet: status ${status}`)
  }

  #deleteWeakMap(): void {
    const map = this.#lastHandle('weakMap')
    const key = this.#pick()
    if (!map || !key) return
    const had = this.kernel.run('weakMapDelete', this.kernel.u32(map.slot), key.reference) !== 0
    if (had !== map.node.entries.delete(key.node)) throw new Error(`weakMapDelete: ${had} for node ${key.node.id}`)
  }

  #addFinalizer(): void {
    const found = this.#pick()
    if (!found) return
    const id = this.#nextFinalizer++
    const status = this.kernel.run('finalizerAdd', found.reference, id)
    if (status === layout.STATUS_OK) this.#finalizers.set(id, found.node)
    else if (status !== layout.STATUS_OUT_OF_MEMORY) throw new Error(`finalizerAdd: status ${status}`)
  }

  #hash(): void {
    const found = this.#pick()
    if (!found) return
    const hash = this.kernel.run('identityHash', found.reference)
    if (!hash) return
    if (found.node.hash && found.node.hash !== hash) throw new Error(`node ${found.node.id} has another hash now`)
    found.node.hash = hash
  }

  #setGlobals(): void {
    const { word, bits } = this.#drawWord() ?? { word: 0, bits: 0 }
    const choice = this.#below(4)
    if (choice === 0) {
      this.#globalObject = word
      this.kernel.setWord(objects.SPACE_GLOBAL_OBJECT_AT, bits)
    } else if (choice === 1) {
      this.#exception = word
      this.kernel.setWord(objects.SPACE_PENDING_EXCEPTION_AT, bits)
    } else {
      const index = this.#below(values.VALUES_ROOTS)
      this.#state[index] = word
      this.kernel.setU32(this.#stateAt + 4 * index, bits)
    }
  }

  /** A node that some root reaches, and where it is now. */
  #pick(): Found | undefined {
    const roots = this.#allRoots()
    let found = roots[this.#below(Math.max(roots.length, 1))]
    for (let steps = this.#below(6); found && steps > 0; steps--) {
      const index = this.#below(found.node.references.length || 1)
      const node = found.node.references[index]
      if (typeof node !== 'object') break
      found = { node, reference: this.kernel.u32(found.reference + this.#offset(found.node.kind, index)) }
    }
    // Asking gives fresh objects their bytes in the map, which nothing else may depend on.
    if (found && this.#below(24) === 0 && this.kernel.run('objectStatus', found.reference) !== layout.STATUS_OK) {
      throw new Error(`no object starts where node ${found.node.id} is`)
    }
    return found
  }

  #allRoots(): Found[] {
    return this.#rootWords().flatMap(([word, bits]) =>
      typeof word === 'object' ? [{ node: word, reference: bits }] : [],
    )
  }

  /** Every root that keeps what it refers to: what it should be, and its bits. */
  #rootWords(): [word: Word, bits: number][] {
    const { kernel } = this
    const all: [Word, number][] = this.#handles.map(({ slot, word }) => [word, kernel.u32(slot)])
    for (const { how, slot, address, word } of this.#roots) {
      if (how !== 'weak') all.push([word, kernel.u32(address || slot)])
    }
    const shadow = kernel.word(objects.SPACE_SHADOW_BASE_AT)
    const pins = kernel.word(objects.SPACE_PIN_BASE_AT)
    for (const [i, word] of this.#shadow.entries()) all.push([word, kernel.u32(shadow + 4 * i)])
    for (const [i, { word }] of this.#pins.entries()) all.push([word, kernel.u32(pins + 4 * i)])
    for (const [i, word] of this.#state.entries()) all.push([word, kernel.u32(this.#stateAt + 4 * i)])
    all.push([this.#globalObject, kernel.word(objects.SPACE_GLOBAL_OBJECT_AT)])
    all.push([this.#exception, kernel.word(objects.SPACE_PENDING_EXCEPTION_AT)])
    return all
  }

  // ---- checks -----------------------------------------------------------------------------------------------------

  /** Collect and compare everything, the death of what must be dead included. */
  collect(kind: number): void {
    this.kernel.expectOk('collect', kind)
    const live = this.check()
    for (const node of live.keys()) {
      if (node.kind === 'weakRef' && node.target && !live.has(node.target)) {
        if (this.kernel.u32(live.get(node) as number) !== 0)
          throw new Error(`weak reference ${node.id} was not cleared`)
        node.target = undefined
      }
      for (const key of node.entries.keys()) if (!live.has(key)) node.entries.delete(key)
    }
    for (const root of this.#roots) {
      if (root.how !== 'weak' || typeof root.word === 'number' || live.has(root.word)) continue
      if (this.kernel.u32(root.slot) !== 0) throw new Error('a weak root was not cleared')
      root.word = 0
    }
    this.#drainFinalizers(live)
    const counted = this.kernel.word(objects.SPACE_LIVE_OBJECTS_AT)
    const tables = [...live.keys()].filter(
      (node) => node.kind === 'weakMap' && this.kernel.u32(live.get(node) as number),
    )
    if (counted !== live.size + tables.length) {
      throw new Error(`${counted} objects survived, ${live.size + tables.length} are reachable`)
    }
    this.kernel.verify()
  }

  #drainFinalizers(live: Map<Node, number>): void {
    for (let id = this.kernel.run('finalizerNext'); id; id = this.kernel.run('finalizerNext')) {
      const node = this.#finalizers.get(id)
      if (!node) throw new Error(`finalizer ${id} became ready a second time`)
      if (live.has(node)) throw new Error(`finalizer ${id} became ready though node ${node.id} lives`)
      this.#finalizers.delete(id)
    }
    for (const [id, node] of this.#finalizers) if (!live.has(node)) throw new Error(`finalizer ${id} is not ready`)
  }

  /** Walk both graphs from the roots; every node that is reachable with its reference. */
  check(): Map<Node, number> {
    const live = new Map<Node, number>()
    const owner = new Map<number, Node>()
    const waiting: Node[] = []
    const reach = (node: Node, reference: number, via: string) => {
      const known = live.get(node)
      if (known === reference) return
      if (known !== undefined) throw new Error(`node ${node.id} is at two places, by ${via}`)
      const other = owner.get(reference)
      if (other) throw new Error(`nodes ${node.id} and ${other.id} are at one place, by ${via}`)
      if (reference === 0) throw new Error(`node ${node.id} is lost, by ${via}`)
      live.set(node, reference)
      owner.set(reference, node)
      this.#checkNode(node, reference)
      waiting.push(node)
    }
    const expectWord = (word: Word, bits: number, via: string) => {
      if (typeof word === 'object') reach(word, bits, via)
      else if (word !== bits) throw new Error(`0x${word.toString(16)} has become 0x${bits.toString(16)}, by ${via}`)
    }
    for (const [word, bits] of this.#rootWords()) expectWord(word, bits, 'a root')
    this.#checkPins()
    const maps: Node[] = []
    for (let grew = true; grew; ) {
      for (let node = waiting.pop(); node; node = waiting.pop()) {
        const from = live.get(node) as number
        if (node.kind === 'weakMap') maps.push(node)
        const { id, kind } = node
        node.references.forEach((to, index) => {
          expectWord(to, this.kernel.u32(from + this.#offset(kind, index)), `word ${index} of node ${id}`)
        })
      }
      for (const map of maps) this.#reachEntries(map, live, expectWord)
      grew = waiting.length > 0
    }
    this.#checkWeak(live)
    return live
  }

  #reachEntries(map: Node, live: Map<Node, number>, expectWord: (word: Word, bits: number, via: string) => void): void {
    for (const [key, value] of map.entries) {
      const keyAt = live.get(key)
      if (keyAt === undefined) continue
      const bits = this.kernel.run('weakMapGet', live.get(map) as number, keyAt)
      expectWord(value, bits, `key ${key.id} of weak map ${map.id}`)
    }
  }

  #checkNode(node: Node, reference: number): void {
    const { kernel } = this
    const type = kernel.u32(reference - 8) & objects.TYPE_MASK
    if (type !== this.#types.get(node.kind)) throw new Error(`node ${node.id} is of type ${type}`)
    if (kernel.u32(reference - 4) !== node.payloadBytes) throw new Error(`node ${node.id} has another size`)
    if (node.kind === 'weakRef' || node.kind === 'weakMap') return
    if (kernel.u32(reference + this.#idOffset(node.kind)) !== node.id) throw new Error(`node ${node.id} has another id`)
    if (node.kind === 'bytes') {
      const bytes = new Uint8Array(kernel.memory.buffer, reference + 4, node.payloadBytes - 4)
      if (bytes.some((byte, i) => byte !== ((node.id * 7 + i) & 0xff)))
        throw new Error(`bytes of node ${node.id} differ`)
    }
    if (node.kind === 'mixed') {
      for (let at = 8; at < node.payloadBytes; at += 12) {
        if (kernel.u32(reference + at + 4) !== (node.id ^ at) >>> 0)
          throw new Error(`element of node ${node.id} differs`)
      }
    }
    for (let i = 1; i < node.high.length; i++) {
      if (kernel.u32(reference + this.#offset('wide', i) + 4) !== node.high[i]) {
        throw new Error(`upper half of wide value ${i} of node ${node.id} differs`)
      }
    }
    if (node.hash && kernel.run('identityHash', reference) !== node.hash) {
      throw new Error(`node ${node.id} has another hash now`)
    }
  }

  #checkPins(): void {
    const base = this.kernel.word(objects.SPACE_PIN_BASE_AT)
    this.#pins.forEach(({ bits }, i) => {
      if (this.kernel.u32(base + 4 * i) !== bits) throw new Error('a slot of the pinning stack was changed')
    })
    for (const { how, slot, reference } of this.#roots) {
      if (how === 'pinned' && this.kernel.u32(slot) !== reference) throw new Error('a pinned root was changed')
    }
  }

  /** What refers weakly refers to the right object, or to none that must live. */
  #checkWeak(live: Map<Node, number>): void {
    for (const [node, reference] of live) {
      if (node.kind !== 'weakRef') continue
      const at = this.kernel.run('weakRefGet', reference)
      const target = node.target && live.get(node.target)
      if (target !== undefined && at !== target) throw new Error(`weak reference ${node.id} is wrong`)
    }
    for (const root of this.#roots) {
      const target = root.how === 'weak' && typeof root.word === 'object' ? live.get(root.word) : undefined
      if (target !== undefined && this.#weakRootGet(root.slot) !== target) throw new Error('a weak root is wrong')
    }
  }

  #weakRootGet(slot: number): number {
    return this.kernel.mode === 'vm' ? this.kernel.run('weakRootGet', slot) : this.kernel.u32(slot)
  }

  /** Drop every root: a collection must leave nothing. */
  finish(): void {
    this.#scopes = []
    this.#closeScope()
    while (this.#roots.length > 0) this.#removeRoot()
    this.#globalObject = 0
    this.#exception = 0
    this.#state.fill(0)
    for (let i = 0; i < values.VALUES_ROOTS; i++) this.kernel.setU32(this.#stateAt + 4 * i, 0)
    this.kernel.setWord(objects.SPACE_GLOBAL_OBJECT_AT, 0)
    this.kernel.setWord(objects.SPACE_PENDING_EXCEPTION_AT, 0)
    this.kernel.setWord(objects.SPACE_SHADOW_TOP_AT, this.kernel.word(objects.SPACE_SHADOW_BASE_AT))
    this.kernel.setWord(objects.SPACE_PIN_TOP_AT, this.kernel.word(objects.SPACE_PIN_BASE_AT))
    this.#shadow.length = 0
    this.#pins.length = 0
    this.collect(objects.COLLECT_COMPACT)
    if (this.kernel.word(objects.SPACE_LIVE_OBJECTS_AT) !== 0) throw new Error('something is left without a root')
  }
}
