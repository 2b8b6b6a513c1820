/**
 * Goal: there is one interned string of each text, for as long as anybody refers to it; the table grows and shrinks by
 * pieces and keeps nothing alive.
 * Method: random interning and dropping beside a Map from text to root, in every kernel and under stress; then 100,000
 * strings and half of them; then what a caller may rely on beside, one by one.
 * A failure means two strings of one text, a string lost, a dead one found again, or a table that never gets shorter.
 */
import { describe, expect, it } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'
import { random } from '../test/support/random.js'
import { type Held, ValuesKernel, type ValuesSetup, valuesSetups } from './values-kernel.js'

const worlds = ['vm', 'runtime', 'server', 'embedded', 'counted']

/** The interned string of a text, owned: by its bytes. */
function internText(k: ValuesKernel, text: string): number {
  const bytes = new TextEncoder().encode(text)
  return k.run('internText', k.write(bytes), bytes.length)
}

/** The same by way of a string that is not interned. */
function internString(k: ValuesKernel, text: string): number {
  const string = k.string(text)
  const interned = k.run('intern', string)
  k.release(string)
  return interned
}

class InternedModel {
  readonly #k: ValuesKernel
  readonly #below: (limit: number) => number
  readonly #held = new Map<string, Held[]>()

  constructor(k: ValuesKernel, below: (limit: number) => number) {
    this.#k = k
    this.#below = below
  }

  step(texts: number): void {
    const text = `${this.#below(2) ? 'name' : 'öß€😀'.repeat(4)} ${this.#below(texts)}`
    const held = this.#held.get(text)
    if (held && this.#below(2)) {
      held.pop()?.drop()
      if (held.length === 0) this.#held.delete(text)
      return
    }
    const word = this.#below(2) ? internText(this.#k, text) : internString(this.#k, text)
    if (!word) throw new Error(`no string for '${text}': status ${this.#k.status}`)
    const added = this.#k.hold(word)
    if (this.#k.text(added.word) !== text) throw new Error(`'${this.#k.text(added.word)}' for '${text}'`)
    if (held && held[0]?.word !== added.word) throw new Error(`two strings of '${text}'`)
    this.#held.set(text, [...(held ?? []), added])
  }

  get size(): number {
    return this.#held.size
  }

  finish(): void {
    for (const held of this.#held.values()) for (const one of held) one.drop()
    this.#held.clear()
  }
}

function runSeed(setup: ValuesSetup, seed: number, steps: number): void {
  try {
    const k = new ValuesKernel(setup)
    const below = random(Math.imul(seed, 2654435761))
    const model = new InternedModel(k, below)
    for (let i = 1; i <= steps; i++) {
      model.step(20 + ((i * 3) >> 3))
      if (i % 11 === 0) k.collectSome(below)
      if (i % 97 === 0) k.verify()
    }
    k.collect()
    if (k.run('internedCount') !== model.size) throw new Error(`${k.run('internedCount')} strings, not ${model.size}`)
    k.verify()
    model.finish()
    k.collect()
    k.expectOk('internTrim')
    k.verify()
    if (k.run('internCapacity')) throw new Error('the table is still there')
    if (k.leftObjects) throw new Error(`${k.leftObjects} objects are left`)
    // A collection that moves gives back the lists of roots that are not in use.
    k.kernel.run('collect', k.isCounted ? objects.COLLECT_FULL : objects.COLLECT_COMPACT)
    const weakRoots = k.kernel.word(objects.SPACE_ROOTS_AT + 8 * objects.ROOT_WEAK)
    if (weakRoots && k.kernel.mode !== 'embedded') throw new Error('weak roots are left')
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
  }
}

describe('random interning', () => {
  it.each(Object.keys(valuesSetups))('gives one string for each text: %s', (name) => {
    for (const seed of [1, 2, 3]) runSeed(valuesSetups[name] ?? {}, seed, 700)
    expect(name).toBeTruthy()
  })
})

describe.each(['vm', 'runtime', 'server', 'counted'])('100,000 strings: %s', (name) => {
  const STRINGS = 100_000

  /** An array that holds so many interned strings. */
  function internMany(k: ValuesKernel): Held {
    const array = k.hold(k.run('arrayNew', values.KIND_VALUE, 0, STRINGS))
    for (let i = 0; i < STRINGS; i++) {
      const word = internText(k, `the name ${i}`)
      k.expectOk('arrayPush', array.word, word)
      k.release(word)
    }
    return array
  }

  /** Let every second string go. */
  function dropHalf(k: ValuesKernel, array: Held): void {
    for (let i = 1; i < STRINGS; i += 2) k.expectOk('arraySet', array.word, i, values.WORD_NULL)
    k.collect()
  }

  it('of which half are dropped leave the table half as long when it is trimmed', () => {
    const k = new ValuesKernel({ ...valuesSetups[name], release: true })
    const array = internMany(k)
    const before = k.run('internCapacity')
    expect(k.run('internedCount')).toBe(STRINGS)
    dropHalf(k, array)
    expect(k.run('internedCount')).toBe(STRINGS / 2)
    k.expectOk('internTrim')
    expect(k.run('internCapacity')).toBe(before / 2)
    expect(k.run('internedCount')).toBe(STRINGS / 2)
    k.verify()
    const word = internText(k, 'the name 4444')
    expect(word).toBe(k.run('arrayGet', array.word, 4444))
    k.release(word)
  })

  it('of which half are dropped leave the table half as long after some insertions', () => {
    const k = new ValuesKernel({ ...valuesSetups[name], release: true })
    const array = internMany(k)
    const before = k.run('internCapacity')
    dropHalf(k, array)
    // An insertion looks at 16 entries: a round over all of them, and what is left of the round before.
    for (let i = 0; i < before / 8; i++) {
      k.release(internText(k, `short-lived ${i}`))
      if (i % 4096 === 0) k.collect()
    }
    expect(k.run('internCapacity')).toBeLessThanOrEqual(before / 2)
    k.verify()
    array.drop()
  })
})

describe.each(worlds)('growth: %s', (name) => {
  it('moves a few entries with each insertion, and all before the next', () => {
    const k = new ValuesKernel({ ...valuesSetups[name], ...(name === 'embedded' && { limit: 256 << 10 }) })
    const word = (at: number) => k.stateWord(at)
    const array = k.hold(k.run('arrayNew', values.KIND_VALUE, 0, 3000))
    let tables = 0
    for (let i = 0; i < 3000; i++) {
      const capacity = k.run('internCapacity')
      const isMoving = word(values.VALUES_INTERNED_OLD_AT) !== 0
      const moved = word(values.VALUES_INTERNED_MOVED_AT)
      const string = internText(k, `name ${i}`)
      k.expectOk('arrayPush', array.word, string)
      k.release(string)
      if (k.run('internCapacity') !== capacity) {
        expect(isMoving).toBe(false)
        expect(word(values.VALUES_INTERNED_MOVED_AT)).toBe(0)
        tables++
      } else if (word(values.VALUES_INTERNED_OLD_AT)) {
        expect(word(values.VALUES_INTERNED_MOVED_AT)).toBe(moved + 16)
        // What has not gone over is found as well.
        expect(internText(k, `name ${i - 1}`)).toBe(k.run('arrayGet', array.word, i - 1))
        k.release(k.run('arrayGet', array.word, i - 1))
      }
    }
    // 16, 32, ... 4096.
    expect([tables, k.run('internCapacity')]).toEqual([9, 4096])
    k.verify()
  })
})

describe.each(worlds)('an interned string: %s', (name) => {
  const make = () => new ValuesKernel(valuesSetups[name])

  it('is the one string of its text, by bytes or by another string', () => {
    const k = make()
    const one = k.hold(internText(k, 'naïve'))
    const two = k.hold(internString(k, 'naïve'))
    const three = k.hold(k.run('intern', one.word))
    expect([two.word, three.word]).toEqual([one.word, one.word])
    const plain = k.hold(k.string('naïve'))
    expect(plain.word).not.toBe(one.word)
    expect([k.run('isInterned', one.word), k.run('isInterned', plain.word)]).toEqual([1, 0])
    const other = k.hold(internText(k, 'naive'))
    expect(other.word).not.toBe(one.word)
    expect(k.run('internedCount')).toBe(2)
    k.verify()
  })

  it('is the string itself that was interned first', () => {
    const k = make()
    const string = k.hold(k.string('first'))
    const interned = k.hold(k.run('intern', string.word))
    expect(interned.word).toBe(string.word)
    // Its text is relied on: nobody writes it any more.
    expect(k.run('stringSeal', string.word)).toBe(layout.STATUS_BAD_ARGUMENT)
    k.verify()
  })

  it('allocates nothing when its text is known', () => {
    const k = make()
    const held = k.hold(internText(k, 'known'))
    const before = k.liveObjects
    const bump = k.kernel.word(objects.SPACE_BUMP_AT)
    for (let i = 0; i < 1000; i++) k.release(internText(k, 'known'))
    expect(k.kernel.word(objects.SPACE_BUMP_AT)).toBe(bump)
    expect(k.liveObjects).toBe(before)
    held.drop()
  })

  it('may be empty, long, or made of bytes that are no UTF-8', () => {
    const k = make()
    const empty = k.hold(internText(k, ''))
    expect(k.run('stringBytes', empty.word)).toBe(0)
    const long = 'ä'.repeat(3000)
    const held = k.hold(internText(k, long))
    expect(internString(k, long)).toBe(held.word)
    const bytes = Uint8Array.of(0x41, 0xff, 0x42)
    const repaired = k.hold(k.run('internText', k.write(bytes), 3))
    expect(k.text(repaired.word)).toBe('A�B')
    expect(internText(k, 'A�B')).toBe(repaired.word)
    expect(k.run('internedCount')).toBe(3)
    k.verify()
  })

  it('is gone when nobody refers to it, and is made anew', () => {
    const k = make()
    const held = k.hold(internText(k, 'come and go'))
    held.drop()
    k.collect()
    expect(k.run('internedCount')).toBe(0)
    const again = k.hold(internText(k, 'come and go'))
    expect(k.text(again.word)).toBe('come and go')
    expect(k.run('internedCount')).toBe(1)
    k.verify()
  })

  it('is none of what is no string, or lies outside of the memory', () => {
    const k = make()
    const array = k.hold(k.run('arrayNew', values.KIND_VALUE, 0, 0))
    for (const word of [0, 1, 2, 8, 0xfffffff8, array.word]) {
      expect([k.run('intern', word), k.status]).toEqual([0, values.STATUS_TYPE])
      expect(k.run('isInterned', word)).toBe(0)
    }
    const end = k.memory.buffer.byteLength
    expect([k.run('internText', end - 1, 2), k.status]).toEqual([0, layout.STATUS_BAD_ARGUMENT])
    expect([k.run('internText', 0xffffffff, 0xffffffff), k.status]).toEqual([0, layout.STATUS_BAD_ARGUMENT])
    expect([k.run('internedCount'), k.run('internCapacity')]).toEqual([0, 0])
    k.expectOk('internTrim')
  })
})

describe('in the steps of a cycle', () => {
  /** Begin a cycle over old interned strings that nobody refers to, and go on until `isThere`. */
  function stepUntil(isThere: (k: ValuesKernel, steps: number) => boolean): ValuesKernel {
    const k = new ValuesKernel({ nursery: 32 << 10, policy: objects.POLICY_INCREMENTAL, stepUnits: 1 })
    const held = Array.from({ length: 60 }, (_, i) => k.hold(internText(k, `old ${i}`)))
    k.collect()
    for (const one of held) one.drop()
    k.kernel.setWord(objects.SPACE_ALLOCATED_AT, k.kernel.word(objects.SPACE_BUDGET_AT))
    for (let steps = 0; !isThere(k, steps); steps++) {
      k.kernel.run('step', 1)
      if (k.kernel.word(objects.SPACE_PHASE_AT) === objects.PHASE_IDLE) throw new Error('the cycle is over')
    }
    return k
  }

  /** Ask for texts whose strings nobody refers to any more: each is found and lives, or made anew. */
  function askAgain(k: ValuesKernel): void {
    const again = Array.from({ length: 60 }, (_, i) => k.hold(internText(k, `old ${i}`)))
    k.verify()
    k.collect()
    for (const [i, one] of again.entries()) {
      if (k.text(one.word) !== `old ${i}`) throw new Error(`'${k.text(one.word)}' for 'old ${i}'`)
      if (internText(k, `old ${i}`) !== one.word) throw new Error(`two strings of 'old ${i}'`)
    }
    k.verify()
  }

  it.each([1, 5, 20, 60])('a string that is asked for after %d of them lives on', (wanted) => {
    const k = stepUntil((_, steps) => steps === wanted)
    askAgain(k)
    expect(k.run('internedCount')).toBe(60)
  })

  it('what is found dead, and not cleared yet, is made anew', () => {
    const k = stepUntil(({ kernel }) => kernel.word(objects.SPACE_PHASE_AT) === objects.PHASE_WEAK)
    askAgain(k)
    expect(k.run('internedCount')).toBe(60)
  })
})

describe('the verifier', () => {
  it.each(worlds)('sees a table that is wrong: %s', (name) => {
    const k = new ValuesKernel(valuesSetups[name])
    const held = Array.from({ length: 5 }, (_, i) => k.hold(internText(k, `name ${i}`)))
    k.verify()
    const table = k.stateWord(values.VALUES_INTERNED_AT)
    const entry = Array.from({ length: k.run('internCapacity') }, (_, i) => table + 8 * i).find((at) => k.u32(at))
    expect(entry).toBeDefined()
    const string = (held[0] as Held).word
    for (const at of [
      entry as number,
      string + values.STRING_HASH_AT,
      string + values.STRING_CODE_POINTS_AT,
      string + values.STRING_WATCH_AT,
      k.state + values.VALUES_INTERNED_COUNT_AT,
      k.state + values.VALUES_INTERNED_USED_AT,
    ]) {
      const before = k.u32(at)
      k.setU32(at, before + 4)
      expect(k.run('valuesVerify')).toBe(values.FAULT_VALUE)
      k.setU32(at, before)
      k.verify()
    }
  })

  it('sees a place that the table does not have, and a text that is in both tables', () => {
    const k = new ValuesKernel(valuesSetups.counted)
    const held = Array.from({ length: 13 }, (_, i) => k.hold(internText(k, `name ${i}`)))
    const [table, old] = [k.stateWord(values.VALUES_INTERNED_AT), k.stateWord(values.VALUES_INTERNED_OLD_AT)]
    expect(old).not.toBe(0)
    const moved = k.stateWord(values.VALUES_INTERNED_MOVED_AT)
    k.setU32(k.state + values.VALUES_INTERNED_MOVED_AT, 16)
    expect(k.run('valuesVerify')).toBe(values.FAULT_VALUE)
    k.setU32(k.state + values.VALUES_INTERNED_MOVED_AT, moved)
    k.verify()
    // The first string is in the old table. Another one of its text is put into the new one, as `enter` does it.
    const again = k.hold(k.string('name 0'))
    const hash = k.run('stringHash', again.word)
    const slots = k.run('internCapacity')
    let index = hash % slots
    while (k.u32(table + 8 * index)) index = (index + 1) % slots
    const entry = table + 8 * index
    k.setU32(entry, hash)
    k.setU32(entry + 4, again.word)
    k.setU32(again.word + values.STRING_WATCH_AT, entry + 4)
    k.setU32(again.word - 8, k.u32(again.word - 8) | values.OBJECT_WATCHED)
    for (const at of [values.VALUES_INTERNED_COUNT_AT, values.VALUES_INTERNED_USED_AT]) {
      k.setU32(k.state + at, k.stateWord(at) + 1)
    }
    expect(k.run('valuesVerify')).toBe(values.FAULT_VALUE)
    // With the other one gone it is sound.
    held[0]?.drop()
    k.verify()
  })

  it('of counts looks at the words of the state that are roots', () => {
    const k = new ValuesKernel(valuesSetups.counted)
    const string = k.hold(k.string('held once'))
    k.setU32(k.state + 4 * (values.VALUES_ROOTS - 1), string.word)
    expect(k.kernel.run('verify')).toBe(values.FAULT_COUNT)
    k.setU32(k.state + 4 * (values.VALUES_ROOTS - 1), 0)
    k.verify()
  })
})
