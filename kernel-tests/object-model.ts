/**
 * A plain JavaScript graph beside the objects of a heap: random operations go to both, and after each collection all
 * that the roots reach must be there, with the same edges, sizes and bytes, wherever it now lies. The oracle for every
 * collector: nothing in it knows how objects are laid out but `references`.
 */
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import type { ObjectKernel } from './object-kernel.js'

type Kind = 'pair' | 'leaf' | 'bytes' | 'array' | 'mask' | 'list' | 'mixed' | 'weakRef' | 'weakMap'
const KINDS: readonly Kind[] = ['pair', 'leaf', 'bytes', 'array', 'mask', 'list', 'mixed']

export interface Node {
  readonly id: number
  readonly kind: Kind
  readonly payloadBytes: number
  readonly references: (Node | undefined)[]
  /** Of a weak reference. */
  target?: Node | undefined
  /** Of a weak map. */
  readonly entries: Map<Node, Node | undefined>
  hash: number
}

interface Root {
  readonly how: 'strong' | 'pinned' | 'slot' | 'weak'
  readonly slot: number
  /** Of a slot root: the word that it names. */
  readonly address: number
  node: Node | undefined
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
  /** Handle slots in order; undefined where a scope begins. */
  #handles: { slot: number; node: Node | undefined }[] = []
  #scopes: { top: number; count: number }[] = []
  #roots: Root[] = []
  readonly #shadow: (Node | undefined)[] = []
  readonly #pins: { node: Node | undefined; reference: number }[] = []
  #globalObject: Node | undefined
  #exception: Node | undefined
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
    this.#freeWords = Array.from({ length: 8 }, (_, i) => this.#words + 4 * i)
  }

  #register(): void {
    const { kernel } = this
    const add = (kind: Kind, ...numbers: number[]) => {
      const id = kernel.run('typeAdd', 0, 0, ...numbers)
      if (!id) throw new Error(`type ${kind} was refused`)
      this.#types.set(kind, id)
    }
    const { SHAPE_LEAF, SHAPE_LIST, SHAPE_MASK, SHAPE_MIXED, SHAPE_PREFIX, SHAPE_REFS } = objects
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
    this.#types.set('weakRef', objects.TYPE_WEAK_REF)
    this.#types.set('weakMap', objects.TYPE_WEAK_MAP)
  }

  // ---- layout of the kinds ----------------------------------------------------------------------------------------

  /** Payload offset of reference `index`. */
  #offset(kind: Kind, index: number): number {
    if (kind === 'array') return index === 0 ? 0 : 8 + 4 * (index - 1)
    if (kind === 'mask') return index === 0 ? 4 : 12
    if (kind === 'list') return [4, 12, 24][index] as number
    if (kind === 'mixed') return index === 0 ? 0 : 8 + 12 * ((index - 1) >> 1) + 8 * ((index - 1) & 1)
    return 4 * index
  }

  #idOffset(kind: Kind): number {
    return { pair: 8, leaf: 0, bytes: 0, array: 4, mask: 0, list: 0, mixed: 4, weakRef: -1, weakMap: -1 }[kind]
  }

  #make(kind: Kind): Node {
    const many = this.#below(8) === 0 ? this.#below(this.kernel.mode === 'vm' ? 3000 : 40) : this.#below(12)
    const [payloadBytes, references] = ((): [number, number] => {
      if (kind === 'pair') return [12, 2]
      if (kind === 'leaf') return [4, 0]
      if (kind === 'bytes') return [4 + many * 3, 0]
      if (kind === 'array') return [8 + 4 * many, 1 + many]
      if (kind === 'mask') return [20, 2]
      if (kind === 'list') return [32, 3]
      return [8 + 12 * many, 1 + 2 * many]
    })()
    const id = this.#nextId++
    return { id, kind, payloadBytes, references: Array(references).fill(undefined), entries: new Map(), hash: 0 }
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
    const choice = this.#below(40)
    if (choice < 12) this.#new()
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
    const weak = this.#handles.filter(({ node }) => node?.kind === 'weakRef').at(-1)
    if (!weak?.node) return
    const reference = this.kernel.run('weakRefGet', this.kernel.u32(weak.slot))
    if (!reference) return
    if (!weak.node.target) throw new Error(`weak reference ${weak.node.id} has an object again`)
    this.#keepReference(reference, weak.node.target)
  }

  #keep(slot: number, node: Node): void {
    this.#handles.push({ slot, node })
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
    const from = this.#pick()
    const to = this.#pick()
    if (!from || !to || from.node.references.length === 0) return
    const index = this.#below(from.node.references.length)
    from.node.references[index] = to.node
    this.kernel.storeReference(from.reference, from.reference + this.#offset(from.node.kind, index), to.reference)
  }

  #unlink(): void {
    const from = this.#pick()
    if (!from || from.node.references.length === 0) return
    const index = this.#below(from.node.references.length)
    from.node.references[index] = undefined
    this.kernel.storeReference(from.reference, from.reference + this.#offset(from.node.kind, index), 0)
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
    const found = this.#pick()
    if (!found) return
    const how = (['strong', 'pinned', 'slot', 'weak'] as const)[this.#below(4)] as Root['how']
    let address = 0
    if (how === 'slot') {
      address = this.#freeWords.pop() ?? 0
      if (!address) return
      this.kernel.setU32(address, found.reference)
    }
    const slot = this.kernel.run('rootAdd', ROOT_KINDS[how], address || found.reference)
    if (!slot) {
      if (address) this.#freeWords.push(address)
      this.#refuse('rootAdd')
      return
    }
    // Adding may have collected, and moved, in a small buffer.
    const reference = how === 'pinned' ? this.kernel.u32(slot) : 0
    this.#roots.push({ how, slot, address, node: found.node, reference })
  }

  #removeRoot(): void {
    if (this.#roots.length === 0) return
    const [root] = this.#roots.splice(this.#below(this.#roots.length), 1) as [Root]
    this.kernel.expectOk('rootRemove', ROOT_KINDS[root.how], root.slot)
    if (root.address) this.#freeWords.push(root.address)
  }

  #pushShadow(): void {
    const found = this.#pick()
    if (!found) return
    const isPinning = this.#below(3) === 0
    const at = isPinning ? objects.SPACE_PIN_TOP_AT : objects.SPACE_SHADOW_TOP_AT
    const top = this.kernel.word(at)
    if (top === this.kernel.word(isPinning ? objects.SPACE_PIN_LIMIT_AT : objects.SPACE_SHADOW_LIMIT_AT)) return
    this.kernel.setU32(top, found.reference)
    this.kernel.setWord(at, top + 4)
    if (isPinning) this.#pins.push(found)
    else this.#shadow.push(found.node)
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
    const map = this.#handles.filter(({ node }) => node?.kind === 'weakMap').at(-1)
    const key = this.#pick()
    if (!map?.node || !key) return
    const keySlot = this.kernel.run('handlePush', key.reference)
    if (!keySlot) return
    this.#keep(keySlot, key.node)
    const value = this.#pick()
    const valueSlot = value ? this.kernel.run('handlePush', value.reference) : 0
    if (!value || !valueSlot) return
    this.#keep(valueSlot, value.node)
    const status = this.kernel.run('weakMapSet', map.slot, keySlot, valueSlot)
    if (status === layout.STATUS_OK) map.node.entries.set(key.node, value.node)
    else if (status !== layout.STATUS_OUT_OF_MEMORY) throw new Error(`weakMapSet: status ${status}`)
  }

  #deleteWeakMap(): void {
    const map = this.#handles.filter(({ node }) => node?.kind === 'weakMap').at(-1)
    const key = this.#pick()
    if (!map?.node || !key) return
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
    const found = this.#below(3) === 0 ? undefined : this.#pick()
    if (this.#below(2)) {
      this.#globalObject = found?.node
      this.kernel.setWord(objects.SPACE_GLOBAL_OBJECT_AT, found?.reference ?? 0)
    } else {
      this.#exception = found?.node
      this.kernel.setWord(objects.SPACE_PENDING_EXCEPTION_AT, found?.reference ?? 0)
    }
  }

  /** A node that some root reaches, and where it is now. */
  #pick(): Found | undefined {
    const roots = this.#allRoots()
    let found = roots[this.#below(Math.max(roots.length, 1))]
    for (let steps = this.#below(6); found && steps > 0; steps--) {
      const index = this.#below(found.node.references.length || 1)
      const node = found.node.references[index]
      if (!node) break
      found = { node, reference: this.kernel.u32(found.reference + this.#offset(found.node.kind, index)) }
    }
    // Asking gives fresh objects their bytes in the map, which nothing else may depend on.
    if (found && this.#below(24) === 0 && this.kernel.run('objectStatus', found.reference) !== layout.STATUS_OK) {
      throw new Error(`no object starts where node ${found.node.id} is`)
    }
    return found
  }

  #allRoots(): Found[] {
    const { kernel } = this
    const all: [Node | undefined, number][] = this.#handles.map(({ slot, node }) => [node, kernel.u32(slot)])
    for (const { how, slot, address, node } of this.#roots) {
      if (how !== 'weak') all.push([node, kernel.u32(address || slot)])
    }
    const shadow = kernel.word(objects.SPACE_SHADOW_BASE_AT)
    const pins = kernel.word(objects.SPACE_PIN_BASE_AT)
    for (const [i, node] of this.#shadow.entries()) all.push([node, kernel.u32(shadow + 4 * i)])
    for (const [i, { node }] of this.#pins.entries()) all.push([node, kernel.u32(pins + 4 * i)])
    all.push([this.#globalObject, kernel.word(objects.SPACE_GLOBAL_OBJECT_AT)])
    all.push([this.#exception, kernel.word(objects.SPACE_PENDING_EXCEPTION_AT)])
    return all.flatMap(([node, reference]) => (node ? [{ node, reference }] : []))
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
      if (root.how !== 'weak' || !root.node || live.has(root.node)) continue
      if (this.kernel.u32(root.slot) !== 0) throw new Error('a weak root was not cleared')
      root.node = undefined
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
    for (const { node, reference } of this.#allRoots()) reach(node, reference, 'a root')
    this.#checkPins()
    const maps: Node[] = []
    for (let grew = true; grew; ) {
      for (let node = waiting.pop(); node; node = waiting.pop()) {
        const from = live.get(node) as number
        if (node.kind === 'weakMap') maps.push(node)
        node.references.forEach((to, index) => {
          const reference = this.kernel.u32(from + this.#offset((node as Node).kind, index))
          if (to) reach(to, reference, `edge ${index} of node ${(node as Node).id}`)
          else if (reference !== 0) throw new Error(`edge ${index} of node ${(node as Node).id} should be null`)
        })
      }
      for (const map of maps) this.#reachEntries(map, live, reach)
      grew = waiting.length > 0
    }
    this.#checkWeak(live)
    return live
  }

  #reachEntries(map: Node, live: Map<Node, number>, reach: (node: Node, at: number, via: string) => void): void {
    for (const [key, value] of map.entries) {
      const keyAt = live.get(key)
      if (keyAt === undefined || !value) continue
      const at = this.kernel.run('weakMapGet', live.get(map) as number, keyAt)
      reach(value, at, `key ${key.id} of weak map ${map.id}`)
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
    if (node.hash && kernel.run('identityHash', reference) !== node.hash) {
      throw new Error(`node ${node.id} has another hash now`)
    }
  }

  #checkPins(): void {
    const base = this.kernel.word(objects.SPACE_PIN_BASE_AT)
    this.#pins.forEach(({ reference }, i) => {
      if (this.kernel.u32(base + 4 * i) !== reference) throw new Error('a slot of the pinning stack was changed')
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
      const target = root.how === 'weak' && root.node ? live.get(root.node) : undefined
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
    this.#globalObject = undefined
    this.#exception = undefined
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
