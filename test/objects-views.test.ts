/**
 * Goal: a view reads and writes what its object holds, wherever that is now, and refuses what does not fit.
 * Method: every kind with its borders, read back through the bytes of the memory; the same while the memory grows and
 * with a collection that moves everything at every allocation.
 * A failure means: a wrong byte in somebody's object.
 */
import { describe, expect, it } from 'vitest'
import { OBJECT_IMMORTAL } from '../kernel/object-layout.js'
import { array, bool, bytes, f32, f64, Heap, i8, i16, i32, i64, ref, struct, u8, u16, u32, u64 } from '../src/index.js'
import { expectRefused, expectSound, thrownBy } from './support/refusal.js'

const kinds = { i8, u8, i16, u16, i32, u32, i64, u64, f32, f64, bool }
const All = struct('All', { ...kinds, to: ref(), name: bytes(7) })

const fits: Record<keyof typeof kinds, readonly unknown[]> = {
  i8: [-128, 127, 0],
  u8: [255, 0],
  i16: [-32768, 32767],
  u16: [65535, 0],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [2 ** 32 - 1, 0],
  i64: [-(2n ** 63n), 2n ** 63n - 1n],
  u64: [2n ** 64n - 1n, 0n],
  f32: [1.5, Number.NaN, Number.NEGATIVE_INFINITY],
  f64: [Math.PI, -0, 5e-324, Number.NaN],
  bool: [true, false],
}

const refused: Record<keyof typeof kinds, readonly unknown[]> = {
  i8: [-129, 128, 0.5, Number.NaN, '1', 1n, null, undefined],
  u8: [-1, 256, 0.5, true],
  i16: [-32769, 32768],
  u16: [-1, 65536],
  i32: [-(2 ** 31) - 1, 2 ** 31, '5', {}, Symbol.iterator],
  u32: [-1, 2 ** 32],
  i64: [2n ** 63n, -(2n ** 63n) - 1n, 5],
  u64: [-1n, 2n ** 64n, 5],
  f32: ['1', 1n, null],
  f64: ['1', 1n, undefined],
  bool: [0, 1, 'true', null],
}

function vm(options = {}): Heap {
  const heap = Heap.create({ mode: 'vm', limit: '64MiB', debug: true, ...options })
  heap.scope()
  return heap
}

describe('fields', () => {
  it.each(Object.keys(kinds) as (keyof typeof kinds)[])('%s hold what fits and refuse what does not', (kind) => {
    const heap = vm()
    const one = heap.new(All) as unknown as Record<string, unknown>
    expect(one[kind]).toEqual(kind === 'bool' ? false : kind.endsWith('64') && kind !== 'f64' ? 0n : 0)
    for (const value of fits[kind]) {
      one[kind] = value
      expect(one[kind]).toBe(value)
      expect((heap.new(All, { [kind]: value }) as unknown as Record<string, unknown>)[kind]).toBe(value)
      for (const wrong of refused[kind]) {
        expect(thrownBy(() => Object.assign(one, { [kind]: wrong }))).toMatchObject({ argument: kind })
        if (wrong !== undefined)
          expect(thrownBy(() => heap.new(All, { [kind]: wrong }))).toMatchObject({ argument: kind })
      }
      expect(one[kind]).toBe(value)
    }
    expectSound(heap)
  })

  it('lie where the struct says', () => {
    const heap = vm()
    const one = heap.new(All, { i8: -1, f64: 2.5, u64: 7n, name: [1, 2, 3] })
    const at = (name: string) => one.reference + (All.field(name)?.offset ?? Number.NaN)
    expect(heap.readI8(at('i8'))).toBe(-1)
    expect(heap.readF64(at('f64'))).toBe(2.5)
    expect(heap.readU64(at('u64'))).toBe(7n)
    expect([...heap.readBytes(at('name'), 7)]).toEqual([1, 2, 3, 0, 0, 0, 0])
    heap.writeI16(at('i16'), -5)
    expect(one.i16).toBe(-5)
    expect(one.reference % 16).toBe(8)
    expect(heap.describe(one)).toMatchObject({ type: 'All', bytes: All.fixedBytes, flags: 0, immortal: false })
  })

  it('stay right while the memory grows and while everything moves', () => {
    for (const options of [{ initial: 0 }, { stress: { collect: 'always', move: true } } as const]) {
      const heap = vm(options)
      const Link = struct('Link', { value: i32, next: ref('Link') })
      const first = heap.new(Link, { value: -1 })
      let last = first
      for (let i = 0; i < 300; i++) {
        const one = heap.new(Link, { value: i })
        last.next = one
        last = one
        heap.alloc(5000)
      }
      let count = 0
      for (let at = first.next; at; at = at.next) expect(at.value).toBe(count++)
      expect(count).toBe(300)
      expectSound(heap)
    }
  })

  it('of an immortal object are not written', () => {
    const heap = vm({ limit: '1MiB' })
    const Both = struct('Both', { ...kinds, to: ref(), items: array(u8) })
    const one = heap.new(Both, { i32: 5 }, 3)
    const other = heap.new(Both)
    const header = one.reference - 8
    const before = heap.readU32(header)
    heap.writeU32(header, before | OBJECT_IMMORTAL)
    const writes = [
      ...Object.keys(kinds).map((name) => () => {
        const value = name === 'bool' ? true : /^[iu]64$/.test(name) ? 1n : 1
        Object.assign(one, { [name]: value })
      }),
      () => Object.assign(one, { to: other }),
      () => Object.assign(one, { to: null }),
      () => one.items.set(0, 1),
      () => one.items.fill(1),
      () => one.items.write([1]),
      () => one.items.write(new Uint8Array([1])),
      () => heap.setFlags(one, 1),
    ]
    for (const write of writes) expectRefused(heap, write, { code: 'HW_PROTECTION', address: one.reference })
    expect([one.i32, one.items.get(0), one.to]).toEqual([5, 0, null])
    heap.writeU32(header, before)
  })

  it('of a view print without its innards', () => {
    const heap = vm()
    const one = heap.new(All, { i32: 5, u64: 7n })
    one.to = one
    const shown = JSON.parse(JSON.stringify(one))
    expect(shown).toMatchObject({ i32: 5, u64: '7', bool: false, name: [0, 0, 0, 0, 0, 0, 0] })
    expect(String(one)).toMatch(/^All@0x[0-9a-f]+$/)
  })
})

describe('references', () => {
  const Cat = struct('Cat', { age: u8 })
  const Dog = struct('Dog', { age: u8 })
  const Owner = struct('Owner', { cat: ref(Cat), any: ref(), later: ref('Dog') })

  it('are null, or lead to an object of the right struct in the same heap', () => {
    const [heap, other] = [vm(), vm()]
    const owner = heap.new(Owner)
    expect(owner.cat).toBeNull()
    const cat = heap.new(Cat, { age: 3 })
    owner.cat = cat
    owner.any = owner
    owner.later = heap.new(Dog, { age: 9 })
    expect(owner.cat?.age).toBe(3)
    expect(heap.same(owner.cat, cat)).toBe(true)
    expect(heap.same(owner.cat, owner.later)).toBe(false)
    expect(owner.any?.is(Owner)).toBe(true)
    expect(owner.any?.is(Cat)).toBe(false)
    expect(owner.later?.is(Dog) && owner.later.age).toBe(9)
    const refusals: [string, unknown][] = [
      ['cat', heap.new(Dog)],
      ['cat', other.new(Cat)],
      ['cat', undefined],
      ['cat', 5],
      ['cat', {}],
      ['any', other.new(Owner)],
      ['later', cat],
    ]
    for (const [name, wrong] of refusals) {
      expect(thrownBy(() => Object.assign(owner, { [name]: wrong }))).toMatchObject({ argument: name })
      if (wrong !== undefined) {
        expect(thrownBy(() => heap.new(Owner, { [name]: wrong }))).toMatchObject({ argument: name })
      }
    }
    expect(heap.same(owner.cat, cat)).toBe(true)
    owner.cat = null
    expect(owner.cat).toBeNull()
    using root = heap.root(cat)
    const second = heap.new(Owner, { cat: root, any: null })
    expect(second.cat?.age).toBe(3)
    expectSound(heap)
  })

  it('raw ones become views when an object of the struct is there', () => {
    const heap = vm()
    const cat = heap.new(Cat, { age: 4 })
    expect(heap.view(Cat, cat.reference).age).toBe(4)
    for (const wrong of [0, 8, cat.reference + 8, cat.reference - 8, 2 ** 32 - 8]) {
      expect(thrownBy(() => heap.view(Cat, wrong))).toMatchObject({ code: 'HW_INVALID_ADDRESS' })
    }
    for (const wrong of [-1, 1.5, '8', null]) {
      expect(thrownBy(() => heap.view(Cat, wrong as never))).toMatchObject({ argument: 'reference' })
    }
    expect(thrownBy(() => heap.view(Dog, cat.reference))).toMatchObject({ argument: 'reference' })
  })
})

describe('inline bytes and trailing arrays', () => {
  const Numbers = struct('Numbers', { n: i32, items: array(i16) })
  const Blob = struct('Blob', { bytes: array(u8) })
  const Doubles = struct('Doubles', { ok: bool, items: array(f64) })
  const Flags = struct('Flags', { items: array(bool) })
  const Refs = struct('Refs', { first: ref(Numbers), items: array(ref(Numbers)) })
  const Table = struct('Table', { rows: array({ key: u32, value: ref(), weight: f64 }) })

  it('have as many elements as asked for, zero at first', () => {
    const heap = vm()
    expect(heap.new(Numbers).items.length).toBe(0)
    expect([...heap.new(Numbers, {}, 3).items]).toEqual([0, 0, 0])
    expect([...heap.new(Numbers, { items: [1, -2] }).items]).toEqual([1, -2])
    expect([...heap.new(Numbers, { items: [1, -2] }, 3).items]).toEqual([1, -2, 0])
    expect(heap.new(Blob, {}, 1_000_000).bytes.length).toBe(1_000_000)
    for (const most of [2 ** 31 - 20, 2 ** 30, 2 ** 28]) {
      expect(thrownBy(() => heap.new(Blob, {}, most))).toMatchObject({ code: 'HW_OUT_OF_MEMORY' })
    }
    for (const wrong of [-1, 1.5, 2 ** 31, '1']) {
      expect(thrownBy(() => heap.new(Numbers, {}, wrong as never))).toMatchObject({ argument: 'elements' })
    }
    expect(thrownBy(() => heap.new(All, {}, 1))).toMatchObject({ argument: 'elements' })
    expect(thrownBy(() => heap.new(Numbers, { items: [1, 2] }, 1))).toMatchObject({ argument: 'items' })
    expect(thrownBy(() => heap.new(Numbers, { items: [1, 40000] }))).toMatchObject({ argument: 'items[1]' })
    expect(thrownBy(() => heap.new(Numbers, { items: 5 as never }))).toMatchObject({ argument: 'items' })
    expectSound(heap)
  })

  it('are read and written one by one, in ranges, and as typed arrays', () => {
    const heap = vm()
    const numbers = heap.new(Numbers, { n: 7 }, 5)
    const { items } = numbers
    items.set(0, -32768)
    items.set(4, 5)
    expect([items.get(0), items.get(4)]).toEqual([-32768, 5])
    items.fill(9, 1, 3)
    expect(items.read()).toEqual(new Int16Array([-32768, 9, 9, 0, 5]))
    items.write([1, 2], 3)
    items.write(new Int16Array([8]), 0)
    items.write(new Uint8Array([250]), 1)
    expect(items.read(0, 4)).toEqual(new Int16Array([8, 250, 9, 1]))
    for (const wrong of [-1, 5, 0.5, '0', undefined]) {
      expect(thrownBy(() => items.get(wrong as never))).toMatchObject({ argument: 'index' })
      expect(thrownBy(() => items.set(wrong as never, 0))).toMatchObject({ argument: 'index' })
    }
    expect(thrownBy(() => items.set(0, 32768))).toMatchObject({ argument: 'items[0]' })
    expect(thrownBy(() => items.write([1, 2, 70000], 0))).toMatchObject({ argument: 'items[2]' })
    expect(thrownBy(() => items.write([1, 2, 3], 3))).toBeInstanceOf(RangeError)
    expect(thrownBy(() => items.fill(1, 3, 2))).toMatchObject({ argument: 'to' })
    expect(items.read()).toEqual(new Int16Array([8, 250, 9, 1, 2]))
    expect(numbers.n).toBe(7)

    const doubles = heap.new(Doubles, { items: new Float64Array([1.5, 2.5]) })
    expect(doubles.items.read()).toEqual(new Float64Array([1.5, 2.5]))
    const flags = heap.new(Flags, { items: [true, false, true] })
    expect([...flags.items]).toEqual([true, false, true])
    expect(thrownBy(() => flags.items.write(new Uint8Array([2]) as never))).toMatchObject({ argument: 'items[0]' })
    const { name } = heap.new(All, { name: new Uint8Array([1, 2]) })
    expect(name.length).toBe(7)
    name.write(new Uint8Array([7, 8]), 5)
    expect(name.read()).toEqual(new Uint8Array([1, 2, 0, 0, 0, 7, 8]))
    expectSound(heap)
  })

  it('of references and records keep their objects, wherever those go', () => {
    const heap = vm({ stress: { collect: 'always', move: true } })
    const refs = heap.new(Refs, {}, 50)
    const table = heap.new(Table, {}, 50)
    for (let i = 0; i < 50; i++) {
      using _ = heap.scope()
      const numbers = heap.new(Numbers, { n: i })
      refs.items.set(i, numbers)
      table.rows.set(i, { key: i, value: numbers, weight: i / 2 })
    }
    heap.compact()
    for (let i = 0; i < 50; i++) {
      using _ = heap.scope()
      expect(refs.items.get(i)?.n).toBe(i)
      const row = table.rows.get(i)
      expect([row.key, row.weight]).toEqual([i, i / 2])
      expect(heap.same(row.value, refs.items.get(i))).toBe(true)
    }
    const row = table.rows.get(3)
    row.weight = 100
    row.value = null
    expect(table.rows.get(3)).toMatchObject({ key: 3, weight: 100, value: null })
    expect(thrownBy(() => Object.assign(row, { key: -1 }))).toMatchObject({ argument: 'rows[].key' })
    expect(thrownBy(() => table.rows.set(3, { kay: 1 } as never))).toMatchObject({ argument: 'rows[3]' })
    expect(thrownBy(() => table.rows.set(3, { key: 5, weight: '' } as never))).toMatchObject({
      argument: 'rows[3].weight',
    })
    expect(row.key).toBe(3)
    expect(thrownBy(() => refs.items.set(0, table as never))).toMatchObject({ argument: 'items[0]' })
    refs.items.fill(null)
    expect([...refs.items].every((one) => one === null)).toBe(true)
    expectSound(heap)
  })
})

describe('heap.new', () => {
  it('refuses what is no struct and what is no field', () => {
    const heap = vm()
    for (const wrong of [null, undefined, {}, 'All', i32]) {
      expect(thrownBy(() => heap.new(wrong as never))).toMatchObject({ argument: 'struct' })
    }
    expect(thrownBy(() => heap.new(All, { i33: 1 } as never))).toMatchObject({ argument: 'init' })
    expect(thrownBy(() => heap.new(All, 5 as never))).toMatchObject({ argument: 'init' })
    expect(heap.new(All, { i32: undefined } as never).i32).toBe(0)
  })

  it('gives user flags that last', () => {
    const heap = vm()
    const objects = Array.from({ length: 100 }, (_, i) => {
      const one = heap.new(All)
      heap.setFlags(one, i)
      return one
    })
    heap.compact()
    for (const [i, one] of objects.entries()) expect(heap.describe(one)).toMatchObject({ flags: i })
    for (const wrong of [-1, 256, 1.5]) {
      expect(thrownBy(() => heap.setFlags(objects[0] as never, wrong))).toMatchObject({ argument: 'flags' })
    }
    expectSound(heap)
  })

  // Counted objects do not move, so they have none.
  it.runIf(vm().mode !== 'manual')('gives identity hashes that last', () => {
    const heap = vm()
    const hashes = new Map<object, number>()
    for (let i = 0; i < 100; i++) {
      const one = heap.new(All)
      heap.setFlags(one, i)
      hashes.set(one, heap.identityHash(one))
    }
    heap.compact()
    let flags = 0
    for (const [one, hash] of hashes) {
      expect(heap.identityHash(one as never)).toBe(hash)
      expect(heap.describe(one as never)).toMatchObject({ hash, flags: flags++ })
    }
    expectSound(heap)
  })
})

describe.each(['vm', 'embedded'] as const)('getters of what is written, in mode %s', (mode) => {
  const Pair = struct('Pair', { a: i32, b: ref('Pair'), list: array(i32) })
  const Table = struct('Table', { head: i32, rows: array({ key: i32, to: ref(Pair) }) })

  function moving() {
    const heap = Heap.create({ mode, limit: 65536, debug: true, stress: { collect: 'always', move: true } })
    let reads = 0
    // Each reading allocates, which moves everything, and answers something else.
    const get = <T>(value: T, later: unknown = 'no number') => ({
      enumerable: true,
      get: () => {
        using _ = heap.scope()
        heap.new(Pair)
        return reads++ % 2 === 0 ? value : later
      },
    })
    const reset = <T>(value: T): T => {
      reads = 0
      return value
    }
    return { heap, get, reset }
  }

  it('are read once, before anything is allocated or written', () => {
    const { heap, get, reset } = moving()
    using _ = heap.scope()
    heap.new(Pair)
    const made = heap.new(Pair, reset(Object.defineProperties({ list: [1, 2] }, { a: get(7) })))
    expect([made.a, [...made.list]]).toEqual([7, [1, 2]])
    made.list.write(reset(Object.defineProperties([0, 9], { 0: get(8) }) as number[]))
    expect([...made.list]).toEqual([8, 9])
    const record = () =>
      reset(Object.defineProperties({ to: made }, { key: get(5) }) as { to: typeof made; key: number })
    const table = heap.new(Table, { rows: [record(), {}] })
    expect(table.rows.get(0).key).toBe(5)
    table.rows.fill(record(), 1)
    expect([table.rows.get(1).key, table.rows.get(1).to?.a]).toEqual([5, 7])
    table.rows.set(0, { key: 1, to: null })
    table.rows.write([table.rows.get(1)])
    expect([table.rows.get(0).key, table.rows.get(0).to?.a]).toEqual([5, 7])
    expectSound(heap)
  })
})

it('a list of a class made of a typed array is copied at once, whatever it says its length is', () => {
  class Long extends Uint8Array {
    override get length(): number {
      return 3
    }
  }
  const heap = Heap.create({ mode: 'vm', limit: '1MiB', debug: true })
  using _ = heap.scope()
  const made = heap.new(struct('Bytes', { all: array(u8) }), {}, 4)
  made.all.write(new Long([1, 2, 3, 4]))
  expect([...made.all]).toEqual([1, 2, 3, 4])
  expectRefused(heap, () => made.all.write(new Long([1, 2, 3, 4, 5])), { code: 'HW_ARGUMENT' })
})
