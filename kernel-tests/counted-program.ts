/**
 * A random program over counted objects with a mirror in JavaScript. It does only what a sound program may: it touches
 * what it can reach, and takes back what it owns. The mirror knows all references; what the kernel has must agree.
 */

import { STATUS_OUT_OF_MEMORY } from '../kernel/layout.js'
import { COLLECT_COMPACT, COLLECT_FULL, SPACE_GLOBAL_OBJECT_AT, SPACE_STATUS_AT } from '../kernel/object-layout.js'
import { SPACE_TRIAL_PHASE_AT, TRIAL_RELEASE, WIDE_INTEGER, WIDE_REFERENCE } from '../kernel/value-layout.js'
import type { CountedKernel } from './counted-kernel.js'

type Word = Mirror | number

interface Mirror {
  readonly address: number
  /** Offsets of the words that may be references, each with what the mirror says is there. */
  readonly offsets: readonly number[]
  readonly words: Word[]
  readonly kind: 'node' | 'array' | 'wide' | 'mixed' | 'leaf'
  /** Counts that the program owns. */
  owned: number
}

export class CountedProgram {
  readonly #kernel: CountedKernel
  readonly #next: (below: number) => number
  readonly #units: number
  /** Every object that the program ever could reach and that may be there. */
  #all: Mirror[] = []
  #handles: { readonly slot: number; readonly word: Word }[] = []
  #roots: { readonly slot: number; readonly kind: number; readonly word: Word }[] = []
  #global: Word = 0

  constructor(kernel: CountedKernel, next: (below: number) => number, units: number) {
    this.#kernel = kernel
    this.#next = next
    this.#units = units
  }

  run(operations: number): void {
    for (let i = 0; i < operations; i++) {
      this.#operate()
      if (this.#next(20) === 0) this.#check()
    }
  }

  /** Let everything go: nothing may be left. */
  finish(): void {
    this.#collect()
    for (const mirror of this.#all) while (mirror.owned) this.#decref(mirror)
    this.#popHandles(0)
    while (this.#roots.length) this.#removeRoot(0)
    this.#kernel.expectOk('storeReference', 0, this.#kernel.space + SPACE_GLOBAL_OBJECT_AT, 0)
    this.#global = 0
    this.#kernel.run('setKnobs', 0)
    this.#collect()
    this.#expect('objects left', this.#kernel.objects, 0)
    this.#expect('blocks left', this.#kernel.blocks, 0)
  }

  // ---- what the program can reach ----------------------------------------------------------------------------------

  #reachable(): Mirror[] {
    const found = new Set<Mirror>()
    const kept = [...this.#handles, ...this.#roots].map(({ word }) => word)
    const waiting: Word[] = [this.#global, ...kept, ...this.#all.filter(({ owned }) => owned > 0)]
    for (let word = waiting.pop(); word !== undefined; word = waiting.pop()) {
      if (typeof word === 'number' || found.has(word)) continue
      found.add(word)
      waiting.push(...word.words)
    }
    return [...found]
  }

  #any(): Mirror | undefined {
    const reachable = this.#reachable()
    return reachable[this.#next(reachable.length)]
  }

  /** Mostly an object, else some word that is no reference. */
  #word(): Word {
    return (this.#next(5) ? this.#any() : undefined) ?? this.#next(50) * 2 + 1
  }

  static #numberOf(word: Word): number {
    return typeof word === 'number' ? word : word.address
  }

  // ---- operations -----------------------------------------------------------------------------------------

  #operate(): void {
    const next = this.#next
    const choice = next(100)
    if (choice < 18) this.#make()
    else if (choice < 26) this.#incref()
    else if (choice < 42) this.#decrefAny()
    else if (choice < 66) this.#store()
    else if (choice < 71) this.#copy()
    else if (choice < 75) this.#move()
    else if (choice < 79) this.#pushHandle()
    else if (choice < 82) this.#popHandles(next(this.#handles.length + 1))
    else if (choice < 85) this.#addRoot()
    else if (choice < 88) this.#removeRoot(next(this.#roots.length + 1))
    else if (choice < 90) this.#storeGlobal()
    else if (choice < 98) this.#kernel.run('step', this.#units || 1 + next(30))
    else if (next(4) === 0) this.#collect()
  }

  #make(): void {
    const next = this.#next
    const { types } = this.#kernel
    const count = next(8) ? next(6) : 500 + next(900)
    const kinds = ['node', 'array', 'wide', 'mixed', 'leaf'] as const
    const kind = kinds[next(5)] as Mirror['kind']
    const [type, bytes, offsets] = {
      node: [types.node, 12, [0, 4]],
      array: [types.array, count * 4, Array.from({ length: count }, (_, i) => i * 4)],
      wide: [types.wide, 8 + count * 8, [0, ...Array.from({ length: count }, (_, i) => 8 + i * 8)]],
      mixed: [types.mixed, count * 8, Array.from({ length: count }, (_, i) => i * 8 + 4)],
      leaf: [0, next(100), [] as number[]],
    }[kind] as [number, number, number[]]
    const address = type ? this.#kernel.run('objectNew', type, bytes) : this.#kernel.run('refcountedNew', bytes)
    if (address === 0) {
      this.#expect('why it was refused', this.#kernel.word(SPACE_STATUS_AT), STATUS_OUT_OF_MEMORY)
      return
    }
    // An address that is used again was another object's: that one was garbage.
    const reachable = new Set(this.#reachable())
    this.#expect('taken addresses', [...reachable].filter((mirror) => mirror.address === address).length, 0)
    this.#all = this.#all.filter((mirror) => mirror.address !== address)
    this.#all.push({ address, offsets, words: offsets.map(() => 0), kind, owned: 1 })
  }

  #incref(): void {
    const mirror = this.#any()
    if (!mirror) return
    this.#kernel.expectOk('incref', mirror.address)
    mirror.owned++
  }

  #decrefAny(): void {
    const owned = this.#all.filter((mirror) => mirror.owned > 0)
    const mirror = owned[this.#next(owned.length)]
    if (mirror) this.#decref(mirror)
  }

  #decref(mirror: Mirror): void {
    this.#kernel.expectOk('decref', mirror.address)
    mirror.owned--
  }

  #store(): void {
    const holder = this.#any()
    if (!holder || holder.words.length === 0) return
    const index = this.#next(holder.words.length)
    const word = this.#word()
    const number = CountedProgram.#numberOf(word)
    const slot = holder.address + (holder.offsets[index] as number)
    if (holder.kind === 'wide' && index > 0) {
      const high = typeof word === 'number' ? WIDE_INTEGER : WIDE_REFERENCE
      this.#kernel.expectOk('storeWide', holder.address, slot, number, high)
    } else this.#kernel.expectOk('storeReference', holder.address, slot, number)
    holder.words[index] = word
  }

  /** Between arrays, or within one. */
  #copy(): void {
    const arrays = this.#reachable().filter(({ kind, words }) => kind === 'array' && words.length > 0)
    const from = arrays[this.#next(arrays.length)]
    const to = arrays[this.#next(arrays.length)]
    if (!from || !to) return
    const [fromIndex, toIndex] = [this.#next(from.words.length), this.#next(to.words.length)]
    const count = this.#next(Math.min(from.words.length - fromIndex, to.words.length - toIndex) + 1)
    const words = from.words.slice(fromIndex, fromIndex + count)
    const [slot, source] = [to.address + toIndex * 4, from.address + fromIndex * 4]
    this.#kernel.expectOk('copyReferences', to.address, slot, source, count)
    to.words.splice(toIndex, count, ...words)
  }

  /** A word goes with its count from an array to another place in it, or to the program: as values' modules do it. */
  #move(): void {
    const arrays = this.#reachable().filter(({ kind, words }) => kind === 'array' && words.length > 1)
    const array = arrays[this.#next(arrays.length)]
    if (!array) return
    const from = this.#next(array.words.length)
    const word = array.words[from] as Word
    this.#kernel.expectOk('touchWords', array.address + from * 4, 1)
    this.#kernel.setU32(array.address + from * 4, 0)
    array.words[from] = 0
    const to = array.words.indexOf(0)
    if (this.#next(2) || typeof word === 'number') {
      this.#kernel.setU32(array.address + to * 4, CountedProgram.#numberOf(word))
      array.words[to] = word
    } else word.owned++
  }

  #pushHandle(): void {
    const word = this.#word()
    const slot = this.#kernel.make('handlePush', CountedProgram.#numberOf(word))
    this.#handles.push({ slot, word })
  }

  #popHandles(left: number): void {
    const top = this.#handles[left]?.slot
    if (top === undefined) return
    this.#expect('handlePop', this.#kernel.run('handlePop', top), 1)
    this.#handles.length = left
  }

  #addRoot(): void {
    const word = this.#word()
    const kind = this.#next(2)
    this.#roots.push({ slot: this.#kernel.make('rootAdd', kind, CountedProgram.#numberOf(word)), kind, word })
  }

  #removeRoot(index: number): void {
    const [root] = this.#roots.splice(index, 1)
    if (root) this.#kernel.expectOk('rootRemove', root.kind, root.slot)
  }

  #storeGlobal(): void {
    this.#global = this.#word()
    const slot = this.#kernel.space + SPACE_GLOBAL_OBJECT_AT
    this.#kernel.expectOk('storeReference', 0, slot, CountedProgram.#numberOf(this.#global))
  }

  // ---- checks ---------------------------------------------------------------------------------------------

  /** After a full collection exactly what can be reached is left, unless the collector's list was too short. */
  #collect(): void {
    const status = this.#kernel.run('collect', this.#next(3) ? COLLECT_FULL : COLLECT_COMPACT)
    this.#check()
    if (status === STATUS_OUT_OF_MEMORY) return
    this.#expect('collect', status, 0)
    const reachable = this.#reachable()
    const addresses = reachable.map(({ address }) => address).sort((a, b) => a - b)
    this.#expect('objects', this.#kernel.all().join(), addresses.join())
    this.#expect('counted objects', this.#kernel.objects, addresses.length)
    this.#all = reachable
    const counts = this.#counts(reachable)
    for (const mirror of reachable) {
      this.#expect(`count of ${mirror.address}`, this.#kernel.count(mirror.address), counts.get(mirror) as number)
    }
  }

  /** What can be reached is as the mirror has it; garbage that has yet to go may count as well. */
  #check(): void {
    const reachable = this.#reachable()
    const counts = this.#counts(reachable)
    for (const mirror of reachable) {
      const count = this.#kernel.count(mirror.address)
      if (count < (counts.get(mirror) as number)) this.#expect(`count of ${mirror.address}`, count, 'more')
      for (const [i, offset] of mirror.offsets.entries()) {
        const word = this.#kernel.u32(mirror.address + offset)
        const known = CountedProgram.#numberOf(mirror.words[i] as Word)
        if (word !== known) this.#expect(`word ${i} of ${mirror.kind} ${mirror.address}`, word, known)
      }
    }
    this.#kernel.verify()
    if (this.#kernel.word(SPACE_TRIAL_PHASE_AT) < TRIAL_RELEASE) {
      this.#expect('objects that are there', this.#kernel.all().length, this.#kernel.objects)
    }
  }

  /** References from what can be reached, and the program's. */
  #counts(reachable: readonly Mirror[]): Map<Mirror, number> {
    const counts = new Map(reachable.map((mirror) => [mirror, mirror.owned]))
    const add = (word: Word) => {
      if (typeof word !== 'number') counts.set(word, (counts.get(word) ?? 0) + 1)
    }
    for (const { words } of reachable) words.forEach(add)
    for (const { word } of [...this.#handles, ...this.#roots]) add(word)
    add(this.#global)
    return counts
  }

  #expect(what: string, found: number | string, wanted: number | string): void {
    if (found !== wanted) throw new Error(`${what}: ${found}, not ${wanted}`)
  }
}
