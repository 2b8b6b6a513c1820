/**
 * Values for language runtimes from TypeScript: counted blocks, arrays, dictionaries, properties through inline caches,
 * interned strings. Beside what JavaScript has of the kind, and AssemblyScript's containers called in the same way.
 */
import { Heap } from '../../src/heap.js'
import type { ModeName } from '../../src/types.js'
import { builtModule, instantiate, tlsf } from '../contestants.js'
import { type Allocator, loopsFor, ownCopy } from '../loops.js'
import { type Budget, judge, type Row } from '../result.js'
import { type Entrant, takeTurns, timed } from '../turns.js'
import {
  type Arrays,
  createArrayLoops,
  createDictionaryLoops,
  createPropertyLoops,
  createTextLoops,
  type Dictionaries,
  type Properties,
} from '../value-loops.js'
import type { Group } from './group.js'

const MODES = ['manual', 'runtime', 'server'] as const satisfies readonly ModeName[]
type ValueMode = (typeof MODES)[number]

const ASSEMBLY_SCRIPT = 'AssemblyScript incremental'

/** AssemblyScript's containers, see `bench/peers/values.ts`. */
interface Peer {
  arrayNew(): number
  arrayEnd(array: number): void
  arrayPush(array: number, value: number): void
  arrayGet(array: number, index: number): number
  mapNew(): number
  mapEnd(map: number): void
  mapSet(map: number, key: number, value: number): void
  mapGet(map: number, key: number): number
  collect(): void
}

function assemblyScript(): Peer {
  return instantiate('values').exports as unknown as Peer
}

function missingPeer(): string | undefined {
  return builtModule('values') === undefined
    ? 'build/bench has no values module: it needs the AssemblyScript compiler'
    : undefined
}

function newHeap(mode: ValueMode): Heap {
  return Heap.create({ mode, limit: '256MiB', hashSeed: 1 })
}

const named = (name: string, mode: ValueMode) => `${name}, mode '${mode}'`

/** An entrant whose operations come in rounds of `each`. */
function inRounds(contestant: string, each: number, run: () => unknown, garbage = false): Entrant {
  return {
    contestant,
    garbage,
    run: (operations) =>
      timed(() => {
        for (let done = 0; done < operations; done += each) run()
      }),
  }
}

// ---- counted blocks -------------------------------------------------------------------------------------------------

const COUNTED_BYTES = 32
/** A tenth of the least time of the figures that this is held against: 0.76 µs. */
const PAIR_MAX_NS = 76

const COUNTED = 'heap.allocRefcounted'

const counted: Group = {
  id: 'values counted',
  section: 'Reference-counted blocks from TypeScript',
  run: async ({ rounds }) => {
    const blocks = newHeap('manual')
    const counted = newHeap('manual')
    const target: Allocator = {
      alloc: (bytes) => counted.allocRefcounted(bytes),
      free: (block) => counted.decref(block),
      realloc: (block) => block,
    }
    const targets: [string, Allocator][] = [
      [tlsf.name, tlsf.create(1 << 20).target],
      ['heap', blocks as unknown as Allocator],
      [COUNTED, target],
    ]
    const entrants = targets.map(([contestant, allocator]): Entrant => {
      const loops = loopsFor(allocator)
      return { contestant, run: (operations) => timed(() => loops.pairs(operations, COUNTED_BYTES)) }
    })
    const figures = await takeTurns(entrants, tlsf.name, { rounds, operations: 1 << 20 })
    const workload = `a block of ${COUNTED_BYTES} bytes is made and released`
    return [
      judge({ workload, unit: 'pair', peer: tlsf.name, figures }, [
        { contestant: COUNTED, measure: 'nsPerOp', max: PAIR_MAX_NS },
      ]),
    ]
  },
}

// ---- arrays ---------------------------------------------------------------------------------------------------------

const ELEMENTS = 10_000
/** A tenth of what an element took where 10,000 took 8.5 ms to append and 2.1 ms to sum. */
const APPEND_MAX_NS = 85
const SUM_MAX_NS = 21
const PLAIN_ARRAY = 'JavaScript Array'

interface Contestant<Target> {
  readonly name: string
  readonly target: Target
  /** Its containers are garbage for V8. */
  readonly garbage?: boolean
}

/** A container of a view and the scope that it goes with. */
interface Scoped<View> {
  readonly view: View
  readonly scope: { close(): void }
}

function scoped<View>(heap: Heap, make: () => View): Scoped<View> {
  const scope = heap.scope()
  return { scope, view: make() }
}

const plainArrays: Contestant<Arrays<number[]>> = {
  name: PLAIN_ARRAY,
  garbage: true,
  target: {
    make: () => [],
    push: (array, value) => array.push(value),
    get: (array, index) => array[index] as number,
    end: () => 0,
  },
}

function peerArrays(): Contestant<Arrays<number>> {
  const peer = assemblyScript()
  return {
    name: ASSEMBLY_SCRIPT,
    target: {
      make: () => peer.arrayNew(),
      push: (array, value) => peer.arrayPush(array, value),
      get: (array, index) => peer.arrayGet(array, index),
      end: (array) => peer.arrayEnd(array),
    },
  }
}

type IntegerArray = ReturnType<typeof integerArray>

function integerArray(heap: Heap) {
  return heap.values.array('i32')
}

function viewArrays(mode: ValueMode): Contestant<Arrays<Scoped<IntegerArray>>> {
  const heap = newHeap(mode)
  return {
    name: named("array('i32')", mode),
    target: {
      make: () => scoped(heap, () => integerArray(heap)),
      push: ({ view }, value) => view.push(value),
      get: ({ view }, index) => view.get(index),
      end: ({ scope }) => scope.close(),
    },
  }
}

type ValueArray = ReturnType<typeof valueArray>

function valueArray(heap: Heap) {
  return heap.values.array('value')
}

function valueArrays(mode: ValueMode): Contestant<Arrays<Scoped<ValueArray>>> {
  const heap = newHeap(mode)
  return {
    name: named("array('value')", mode),
    target: {
      make: () => scoped(heap, () => valueArray(heap)),
      push: ({ view }, value) => view.push(value),
      get: ({ view }, index) => view.get(index) as number,
      end: ({ scope }) => scope.close(),
    },
  }
}

/** As an interpreter has them: the reference lies in the shadow stack, and is read from there each time. */
function wordArrays(mode: ValueMode): Contestant<Arrays<number>> {
  const heap = newHeap(mode)
  const { words } = heap.values
  const slot = stackSlot(heap)
  return {
    name: named('words', mode),
    target: {
      make: () => {
        const array = words.array('value')
        words.i32[slot] = array
        return slot
      },
      push: (slot, value) => words.arrayPush(words.i32[slot] as number, words.integer(value)),
      get: (slot, index) => words.integerOf(words.arrayGet(words.i32[slot] as number, index)),
      end: (slot) => {
        const array = words.i32[slot] as number
        words.i32[slot] = 0
        words.release(array)
      },
    },
  }
}

const STACK_SLOTS = 1 << 16

/** Index, in words, of a slot of the shadow stack that holds 0. */
function stackSlot(heap: Heap): number {
  const stack = heap.shadowStack({ slots: STACK_SLOTS })
  stack.push(null)
  return (heap.readU32(stack.topWord) - 4) >>> 2
}

/** Appended and summed at once: a typed array in, a typed array out. */
function inBulk(mode: ValueMode): { name: string; append: () => void; sum: () => number } {
  const heap = newHeap(mode)
  const integers = Int32Array.from({ length: ELEMENTS }, (_, i) => i)
  const { view } = scoped(heap, () => integerArray(heap))
  view.append(integers)
  const loops = ownCopy(createArrayLoops)<Int32Array>({
    make: () => integers,
    push: () => 0,
    get: (array, index) => array[index] as number,
    end: () => 0,
  })
  const appendOnce = () => {
    const own = scoped(heap, () => integerArray(heap))
    own.view.append(integers)
    own.scope.close()
  }
  return { name: named("array('i32') in bulk", mode), append: appendOnce, sum: () => loops.sum(view.view(), ELEMENTS) }
}

/** Both rows' entrants of one contestant. */
function arrayEntrants<Container>({
  name,
  target,
  garbage = false,
}: Contestant<Arrays<Container>>): [Entrant, Entrant] {
  const ofAppend = ownCopy(createArrayLoops)(target)
  const ofSum = ownCopy(createArrayLoops)(target)
  let filled: Container | undefined
  return [
    { contestant: name, garbage, run: (operations) => timed(() => ofAppend.append(operations, ELEMENTS)) },
    inRounds(name, ELEMENTS, () => {
      // Made here: appending would use the same slot of the stack.
      filled ??= fillArray(target)
      ofSum.sum(filled, ELEMENTS)
    }),
  ]
}

function fillArray<Container>(target: Arrays<Container>): Container {
  const array = target.make()
  for (let i = 0; i < ELEMENTS; i++) target.push(array, i)
  return array
}

const arrays: Group = {
  id: 'values arrays',
  section: `Arrays of ${ELEMENTS.toLocaleString('en')} integers from TypeScript`,
  run: async ({ rounds }) => {
    const missing = missingPeer()
    if (missing !== undefined) return missing
    const pairs = [
      arrayEntrants(plainArrays),
      arrayEntrants(peerArrays()),
      ...MODES.flatMap((mode) => [
        arrayEntrants(viewArrays(mode)),
        arrayEntrants(valueArrays(mode)),
        arrayEntrants(wordArrays(mode)),
      ]),
      ...MODES.map(inBulk).map(({ name, append, sum }): [Entrant, Entrant] => [
        inRounds(name, ELEMENTS, append),
        inRounds(name, ELEMENTS, sum),
      ]),
    ]
    const options = { rounds, operations: 1 << 20, leastOperations: ELEMENTS }
    const rows: Row[] = []
    for (const [i, [workload, max]] of ARRAY_ROWS.entries()) {
      const entrants = pairs.map((pair) => pair[i] as Entrant)
      const figures = await takeTurns(entrants, PLAIN_ARRAY, options)
      const budgets = MODES.flatMap((mode): Budget[] =>
        ["array('i32')", "array('value')"].map((name) => ({
          contestant: named(name, mode),
          measure: 'nsPerOp',
          max,
        })),
      )
      rows.push(judge({ workload, unit: 'element', peer: PLAIN_ARRAY, figures }, budgets))
    }
    return rows
  },
}

const ARRAY_ROWS = [
  ['append, the array made and let go', APPEND_MAX_NS],
  ['sum', SUM_MAX_NS],
] as const

// ---- dictionaries ---------------------------------------------------------------------------------------------------

const ENTRIES = 10_000
const MAP = 'JavaScript Map'

/** Keys in an order that is not that of insertion, the same for all. */
function shuffled<Key>(keys: readonly Key[]): Key[] {
  const order = [...keys]
  let x = 12345
  for (let i = order.length - 1; i > 0; i--) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0
    const j = (x >>> 8) % (i + 1)
    const key = order[i] as Key
    order[i] = order[j] as Key
    order[j] = key
  }
  return order
}

const integerKeys = Array.from({ length: ENTRIES }, (_, i) => i * 7)
const textKeys = integerKeys.map((key) => `key ${key}`)

interface DictionaryContestant<Container, Key> extends Contestant<Dictionaries<Container, Key>> {
  readonly keys: readonly Key[]
}

function maps<Key>(keys: readonly Key[]): DictionaryContestant<Map<Key, number>, Key> {
  return {
    name: MAP,
    garbage: true,
    keys,
    target: {
      make: () => new Map(),
      set: (map, key, value) => map.set(key, value),
      get: (map, key) => map.get(key) as number,
      end: () => 0,
    },
  }
}

function peerMaps(): DictionaryContestant<number, number> {
  const peer = assemblyScript()
  return {
    name: ASSEMBLY_SCRIPT,
    keys: integerKeys,
    target: {
      make: () => peer.mapNew(),
      set: (map, key, value) => peer.mapSet(map, key, value),
      get: (map, key) => peer.mapGet(map, key),
      end: (map) => peer.mapEnd(map),
    },
  }
}

type IntegerDictionary = ReturnType<typeof integerDictionary>

function integerDictionary(heap: Heap) {
  return heap.values.dictionary({ keys: 'integer' })
}

function integerViews(mode: ValueMode): DictionaryContestant<Scoped<IntegerDictionary>, number> {
  const heap = newHeap(mode)
  return {
    name: named('dictionary', mode),
    keys: integerKeys,
    target: {
      make: () => scoped(heap, () => integerDictionary(heap)),
      set: ({ view }, key, value) => view.set(key, value),
      get: ({ view }, key) => view.get(key) as number,
      end: ({ scope }) => scope.close(),
    },
  }
}

type TextDictionary = ReturnType<typeof textDictionary>

function textDictionary(heap: Heap) {
  return heap.values.dictionary({ keys: 'string' })
}

function textViews(mode: ValueMode): DictionaryContestant<Scoped<TextDictionary>, string> {
  const heap = newHeap(mode)
  return {
    name: named('dictionary', mode),
    keys: textKeys,
    target: {
      make: () => scoped(heap, () => textDictionary(heap)),
      set: ({ view }, key, value) => view.set(key, value),
      get: ({ view }, key) => view.get(key) as number,
      end: ({ scope }) => scope.close(),
    },
  }
}

/** By words: `keys` are integers, or slots of the shadow stack where strings lie that were made before. */
function wordDictionaries(mode: ValueMode, kind: 'integer' | 'string'): DictionaryContestant<number, number> {
  const heap = newHeap(mode)
  const { words } = heap.values
  const slot = stackSlot(heap)
  const keySlots = textKeys.map((text) => {
    const at = stackSlot(heap)
    words.i32[at] = kind === 'string' ? words.intern(text) : 0
    return at
  })
  const key = kind === 'integer' ? (n: number) => words.integer(n) : (at: number) => words.i32[at] as number
  return {
    name: named('words', mode),
    keys: kind === 'integer' ? integerKeys : keySlots,
    target: {
      make: () => {
        const dictionary = words.dictionary(kind)
        words.i32[slot] = dictionary
        return slot
      },
      set: (slot, n, value) => words.dictionarySet(words.i32[slot] as number, key(n), words.integer(value)),
      get: (slot, n) => words.integerOf(words.dictionaryGet(words.i32[slot] as number, key(n))),
      end: (slot) => {
        const dictionary = words.i32[slot] as number
        words.i32[slot] = 0
        words.release(dictionary)
      },
    },
  }
}

function dictionaryEntrants<Container, Key>(contestant: DictionaryContestant<Container, Key>): [Entrant, Entrant] {
  const { name, target, keys, garbage = false } = contestant
  const ofInsert = ownCopy(createDictionaryLoops)(target)
  const ofLookUp = ownCopy(createDictionaryLoops)(target)
  const mixed = shuffled(keys)
  const insert = inRounds(name, ENTRIES, () => ofInsert.insert(keys), garbage)
  let filled: Container | undefined
  const lookUp = inRounds(name, ENTRIES, () => {
    // Made here: insertion would use the same slot of the stack.
    filled ??= fill(target, keys)
    ofLookUp.lookUp(filled, mixed)
  })
  return [insert, lookUp]
}

function fill<Container, Key>(target: Dictionaries<Container, Key>, keys: readonly Key[]): Container {
  const dictionary = target.make()
  for (const [i, key] of keys.entries()) target.set(dictionary, key, i)
  return dictionary
}

async function dictionaryRows(kind: string, pairs: readonly [Entrant, Entrant][], rounds: number): Promise<Row[]> {
  const options = { rounds, operations: 1 << 20, leastOperations: ENTRIES }
  const rows: Row[] = []
  for (const [i, what] of ['insert, the dictionary made and let go', 'look-up in another order'].entries()) {
    const entrants = pairs.map((pair) => pair[i] as Entrant)
    const figures = await takeTurns(entrants, MAP, options)
    rows.push(judge({ workload: `${kind} keys: ${what}`, unit: 'entry', peer: MAP, figures }, []))
  }
  return rows
}

const dictionaries: Group = {
  id: 'values dictionaries',
  section: `Dictionaries of ${ENTRIES.toLocaleString('en')} entries from TypeScript`,
  run: async ({ rounds }) => {
    const missing = missingPeer()
    if (missing !== undefined) return missing
    const byInteger = [
      dictionaryEntrants(maps(integerKeys)),
      dictionaryEntrants(peerMaps()),
      ...MODES.flatMap((mode) => [
        dictionaryEntrants(integerViews(mode)),
        dictionaryEntrants(wordDictionaries(mode, 'integer')),
      ]),
    ]
    const byText = [
      dictionaryEntrants(maps(textKeys)),
      ...MODES.flatMap((mode) => [
        dictionaryEntrants(textViews(mode)),
        dictionaryEntrants(wordDictionaries(mode, 'string')),
      ]),
    ]
    return [
      ...(await dictionaryRows('integer', byInteger, rounds)),
      ...(await dictionaryRows('string', byText, rounds)),
    ]
  },
}

// ---- properties -----------------------------------------------------------------------------------------------------

/** Few enough for the cache. */
const OWNERS = 1024
const PLAIN_OBJECT = 'JavaScript object'

interface Point {
  x: number
  y: number
  z: number
}

interface PropertyContestant<Owner> extends Contestant<Properties<Owner>> {
  readonly owners: readonly Owner[]
}

const times = Array.from({ length: OWNERS }, (_, i) => i)

function plainObjects(): PropertyContestant<Point> {
  return {
    name: PLAIN_OBJECT,
    owners: times.map((i) => ({ x: i, y: i, z: i })),
    target: {
      get: (point) => point.y,
      set: (point, value) => {
        point.y = value
      },
    },
  }
}

/** The objects' scope stays open. */
function propertyViews(mode: ValueMode) {
  const heap = newHeap(mode)
  heap.scope()
  const owners = times.map((i) => heap.values.object().set('x', i).set('y', i).set('z', i))
  type Owner = (typeof owners)[number]
  const cache = heap.values.cache('y')
  const cached: PropertyContestant<Owner> = {
    name: named('object, by cache', mode),
    owners,
    target: { get: (owner) => owner.get(cache) as number, set: (owner, value) => owner.set(cache, value) },
  }
  const byName: PropertyContestant<Owner> = {
    name: named('object, by name', mode),
    owners,
    target: { get: (owner) => owner.get('y') as number, set: (owner, value) => owner.set('y', value) },
  }
  return { cached, byName }
}

/** The same as dictionaries: what properties without shapes would cost. */
function dictionaryViews(mode: ValueMode) {
  const heap = newHeap(mode)
  heap.scope()
  const owners = times.map((i) => textDictionary(heap).set('x', i).set('y', i).set('z', i))
  const contestant: PropertyContestant<TextDictionary> = {
    name: named('dictionary, by name', mode),
    owners,
    target: { get: (owner) => owner.get('y') as number, set: (owner, value) => owner.set('y', value) },
  }
  return contestant
}

/** As an interpreter has them: object and key in slots of the shadow stack, the cache beside the code. */
function propertyWords(mode: ValueMode): PropertyContestant<number> {
  const heap = newHeap(mode)
  const { words } = heap.values
  const keys = ['x', 'y', 'z'].map((name) => {
    const slot = stackSlot(heap)
    words.i32[slot] = words.intern(name)
    return slot
  })
  const owners = times.map((i) => {
    const slot = stackSlot(heap)
    words.i32[slot] = words.object(3)
    for (const key of keys) words.propertySet(words.i32[slot] as number, words.i32[key] as number, words.integer(i))
    return slot
  })
  const cache = heap.values.cache('y').address
  const key = keys[1] as number
  return {
    name: named('words, by cache', mode),
    owners,
    target: {
      get: (owner) => {
        const { i32 } = words
        return words.integerOf(words.propertyGet(i32[owner] as number, i32[key] as number, cache))
      },
      set: (owner, value) => {
        const { i32 } = words
        words.propertySet(i32[owner] as number, i32[key] as number, words.integer(value), cache)
      },
    },
  }
}

function propertyEntrants<Owner>({ name, target, owners }: PropertyContestant<Owner>): [Entrant, Entrant] {
  const ofGet = ownCopy(createPropertyLoops)(target)
  const ofSet = ownCopy(createPropertyLoops)(target)
  let value = 0
  return [
    inRounds(name, OWNERS, () => ofGet.get(owners)),
    inRounds(name, OWNERS, () => ofSet.set(owners, value++ & 0xffff)),
  ]
}

const properties: Group = {
  id: 'values properties',
  section: 'Properties of objects of one shape from TypeScript',
  run: async ({ rounds }) => {
    const pairs = [
      propertyEntrants(plainObjects()),
      ...MODES.flatMap((mode) => {
        const { cached, byName } = propertyViews(mode)
        return [
          propertyEntrants(cached),
          propertyEntrants(propertyWords(mode)),
          propertyEntrants(byName),
          propertyEntrants(dictionaryViews(mode)),
        ]
      }),
    ]
    const rows: Row[] = []
    for (const [i, workload] of ['get of an integer', 'set to an integer'].entries()) {
      const entrants = pairs.map((pair) => pair[i] as Entrant)
      const figures = await takeTurns(entrants, PLAIN_OBJECT, {
        rounds,
        operations: 1 << 20,
        leastOperations: OWNERS,
      })
      rows.push(judge({ workload, unit: 'access', peer: PLAIN_OBJECT, figures }, []))
    }
    return rows
  },
}

// ---- interned strings -----------------------------------------------------------------------------------------------

/** What interning would be with a Map from text to a number; emptied before each round, or never. */
function textMap(isEmptied: boolean): () => void {
  const numbers = new Map<string, number>()
  const each = eachOf((text) => {
    const number = numbers.get(text)
    if (number === undefined) numbers.set(text, numbers.size)
    return number
  })
  return () => {
    if (isEmptied) numbers.clear()
    each()
  }
}

const strings: Group = {
  id: 'values strings',
  section: 'Interning from TypeScript',
  run: async ({ rounds }) => {
    const options = { rounds, operations: 1 << 18, leastOperations: ENTRIES }
    const there = [inRounds(MAP, ENTRIES, textMap(false))]
    const anew = [inRounds(MAP, ENTRIES, textMap(true))]
    for (const mode of MODES) {
      const heap = newHeap(mode)
      const { words } = heap.values
      heap.scope()
      for (const text of textKeys) heap.values.intern(text)
      const call =
        mode === 'manual' ? (text: string) => words.release(words.intern(text)) : (text: string) => words.intern(text)
      there.push(inRounds(named('words.intern', mode), ENTRIES, eachOf(call)))
      anew.push(inRounds(named('words.intern', mode), ENTRIES, internAnew(mode)))
    }
    const rows: [string, Entrant[]][] = [
      ['text that is interned already', there],
      ['text that is new, and dropped', anew],
    ]
    const judged: Row[] = []
    for (const [workload, entrants] of rows) {
      judged.push(judge({ workload, unit: 'text', peer: MAP, figures: await takeTurns(entrants, MAP, options) }, []))
    }
    return judged
  },
}

function eachOf(call: (text: string) => unknown): () => void {
  const loops = ownCopy(createTextLoops)(call)
  return () => loops.each(textKeys)
}

/** All texts anew in each round: those of the last one are dropped, by count or by a collection. */
function internAnew(mode: ValueMode): () => void {
  const heap = newHeap(mode)
  const { words } = heap.values
  if (mode === 'manual') return eachOf((text) => words.release(words.intern(text)))
  let round = 0
  const loops = ownCopy(createTextLoops)((text) => words.intern(text + round))
  return () => {
    round++
    loops.each(textKeys)
  }
}

export const valueGroups: readonly Group[] = [counted, arrays, dictionaries, properties, strings]
