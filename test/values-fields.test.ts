/**
 * Goal: fields and elements of structs hold any value, and whatever holds values keeps them while a collector works in
 * steps: no store is hidden from it, those that are done without a call of the module included.
 * Method: random stores into fields, elements and records of kind `value`, read back beside a model, in every mode, with a
 * collection that moves everything at every allocation where there is one; random changes of arrays, dictionaries and
 * objects in a `server` heap whose cycles go on in small steps, with the debug kernel, whose verifier finds a
 * barrier that was left out. With counted objects nothing is left at the end. Seeds are in the names of the tests.
 * A failure means: a value lost or freed too early, or a count that is off.
 */
import { describe, expect, it } from 'vitest'
import {
  array,
  type Dictionary,
  Heap,
  type HeapArray,
  HeapString,
  i32,
  type PropertyObject,
  struct,
  type Value,
  type View,
  value,
} from '../src/index.js'
import { random } from './support/random.js'
import { inValueHeap, isStressed, VALUE_HEAPS } from './support/values.js'

const Cell = struct('Cell', { a: value, b: value, n: i32, rest: array(value) })
const Table = struct('Table', { rows: array({ key: i32, value, other: value }) })

function plain(one: unknown): unknown {
  if (one instanceof HeapString) return one.text
  return typeof one === 'object' && one !== null && 'n' in one ? `cell ${one.n}` : one
}

/** Draws values of all sorts; objects are among `cells`. */
function drawer(below: (n: number) => number, cells: readonly View<typeof Cell>[], heap: Heap): () => Value {
  const others = [
    undefined,
    null,
    true,
    false,
    -0,
    Number.NaN,
    2 ** 31,
    heap.values.special(50),
    heap.values.character(97),
  ]
  return () => {
    const which = below(6)
    if (which < 2) return below(1000) - 500
    if (which === 2) return `text ${below(100)} ${'ü'.repeat(below(40))}`
    if (which === 3) return below(1000) / 8
    return which === 4 ? cells[below(cells.length)] : others[below(others.length)]
  }
}

describe.each(Object.keys(VALUE_HEAPS))('%s', (name) => {
  const inHeap = (use: (heap: Heap) => void) => inValueHeap(name, use)
  const steps = isStressed(name) ? 80 : 400

  it('fields and elements hold any value (seed 21)', () =>
    inHeap((heap) => {
      const below = random(21)
      const cells: View<typeof Cell>[] = []
      for (let n = 0; n < 4; n++) cells.push(heap.new(Cell, { n }, 5))
      const draw = drawer(below, cells, heap)
      const models = cells.map(() => ({
        a: undefined as Value,
        b: undefined as Value,
        rest: Array<Value>(5).fill(undefined),
      }))
      for (let i = 0; i < steps; i++) {
        using _scope = heap.scope()
        const which = below(4)
        const [cell, model] = [cells[which] as View<typeof Cell>, models[which] as (typeof models)[0]]
        const one = draw()
        const call = below(5)
        if (call === 0) cell.a = model.a = one
        else if (call === 1) cell.b = model.b = one
        else if (call === 2) {
          const index = below(5)
          cell.rest.set(index, one)
          model.rest[index] = one
        } else if (call === 3) {
          const from = below(6)
          cell.rest.fill(one, from)
          model.rest.fill(one, from)
        } else {
          const many = Array.from({ length: below(4) }, draw)
          cell.rest.write(many, 1)
          model.rest.splice(1, many.length, ...many)
        }
        expect([plain(cell.a), plain(cell.b)]).toEqual([plain(model.a), plain(model.b)])
        expect([...cell.rest].map(plain)).toEqual(model.rest.map(plain))
      }
      for (const cell of cells) {
        cell.a = cell.b = null
        cell.rest.fill(null)
      }
    }))

  it('records hold any value (seed 22)', () =>
    inHeap((heap) => {
      const below = random(22)
      const cells = [heap.new(Cell, { n: 1 })]
      const draw = drawer(below, cells, heap)
      const table = heap.new(Table, { rows: [{ key: 1, value: 'first', other: 1.5 }, { key: 2 }] }, 4)
      const row = (index: number) => {
        const { key, value: one, other } = table.rows.get(index)
        return [key, plain(one), plain(other)]
      }
      expect([row(0), row(1), row(3)]).toEqual([
        [1, 'first', 1.5],
        [2, undefined, undefined],
        [0, undefined, undefined],
      ])
      for (let i = 0; i < steps / 4; i++) {
        using _scope = heap.scope()
        const [one, other, index] = [draw(), draw(), below(4)]
        if (below(2) === 0) table.rows.set(index, { key: i, value: one, other })
        else Object.assign(table.rows.get(index), { key: i, value: one, other })
        expect(row(index)).toEqual([i, plain(one), plain(other)])
      }
    }))

  it('objects made from values that fit nowhere are not made', () =>
    inHeap((heap) => {
      expect(() => heap.new(Cell, { a: 'text', b: 1n as never })).toThrow(/`b` must be a number, a boolean, text/)
      expect(() => heap.new(Cell, { rest: ['a', {} as never] })).toThrow(/`rest\[1\]` must be a number/)
      expect(() => heap.new(Table, { rows: [{ value: Symbol('x') as never }] })).toThrow(/`rows\[0\].value` must be/)
    }))
})

// ---- while a collector works in steps -------------------------------------------------------------------------------

interface Scene {
  readonly list: HeapArray<Value>
  readonly table: Dictionary
  readonly object: PropertyObject
  readonly cell: View<typeof Cell>
}

/** One random change of what the heap has, and of the model. */
function change(scene: Scene, model: Map<string, unknown>, below: (n: number) => number, draw: () => Value): void {
  const { list, table, object, cell } = scene
  const one = draw()
  const index = below(20)
  const which = below(8)
  if (which < 3) {
    list.set(index, one)
    model.set(`list ${index}`, plain(one))
  } else if (which < 5) {
    table.set(index, one)
    model.set(`table ${index}`, plain(one))
  } else if (which === 5) {
    object.set(`key ${index}`, one)
    model.set(`object ${index}`, plain(one))
  } else if (which === 6) {
    cell.rest.set(index, one)
    model.set(`cell ${index}`, plain(one))
  } else if (below(4) > 0) {
    // What is overwritten by an integer goes elsewhere, where it may have been looked for already.
    const moved = list.get(index)
    list.set(index, index)
    cell.rest.set(index, moved)
    model.set(`cell ${index}`, plain(moved))
    model.set(`list ${index}`, index)
  } else {
    list.push(one)
    list.pop()
    table.delete(index)
    model.delete(`table ${index}`)
  }
}

function read({ list, table, object, cell }: Scene): Map<string, unknown> {
  const found = new Map<string, unknown>()
  for (let i = 0; i < 20; i++) {
    const all: [string, Value][] = [
      [`list ${i}`, list.get(i)],
      [`table ${i}`, table.get(i)],
      [`object ${i}`, object.get(`key ${i}`)],
      [`cell ${i}`, cell.rest.get(i)],
    ]
    for (const [key, one] of all) if (one !== undefined) found.set(key, plain(one))
  }
  return found
}

describe('server, in small steps', () => {
  it.each([31, 32, 33, 34])('keeps what changes while it marks (seed %i)', (seed) => {
    using heap = Heap.create({
      mode: 'server',
      limit: '16MiB',
      nursery: '64KiB',
      old: '64KiB',
      debug: true,
      testing: { stepUnits: 4 },
    })
    using _scope = heap.scope()
    const below = random(seed)
    const parts = {
      list: heap.values.array('value', Array<Value>(20).fill(undefined)),
      table: heap.values.dictionary(),
      object: heap.values.object(),
    }
    const model = new Map<string, unknown>()
    // So much that cycles begin, and take a while.
    const texts = Array.from({ length: 2000 }, (_, n) => `ballast ${n}`)
    const ballast = heap.values.array('value', texts)
    // What was made last is looked at first.
    const cell = heap.new(Cell, { n: 0 }, 20)
    const scene: Scene = { ...parts, cell }
    const draw = drawer(below, [cell, heap.new(Cell, { n: 1 })], heap)
    for (let i = 0; i < 1500; i++) {
      {
        using _inner = heap.scope()
        change(scene, model, below, draw)
        heap.step({ budgetMs: 0.01 })
        if (below(20) === 0) heap.collect({ kind: 'minor' })
        for (let n = 0; n < 20; n++) ballast.set(below(2000), `ballast ${i} ${n}`)
      }
      if (i % 10 !== 0) continue
      expect(heap.verify()).toEqual({ ok: true })
      using _inner = heap.scope()
      const known = [...model].filter(([, one]) => one !== undefined).sort()
      expect([...read(scene)].sort()).toEqual(known)
    }
    expect(heap.verify()).toEqual({ ok: true })
    expect(heap.stats().cycles).toBeGreaterThan(0)
  })
})
