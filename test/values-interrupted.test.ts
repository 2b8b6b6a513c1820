/**
 * Goal: calls on values hold while the program's own code runs in the middle of them: reclaimers, listeners, getters and
 * iterators of what is passed.
 * Method: heaps filled to the brim, whose reclaimer makes room and then does the worst it can to what is being changed:
 * it changes it, shrinks it, or closes its scope; typed arrays whose class lies about them.
 * A failure means: bytes written outside of an array, elements that are lost, or counts that are never given back.
 */
import { describe, expect, it } from 'vitest'
import { DICTIONARY_LOCKS_AT } from '../kernel/value-layout.js'
import { Heap, OutOfMemoryError, ScopeError, StaleHandleError, struct, value, WORD } from '../src/index.js'
import { inValueHeap } from './support/values.js'

const MODES = ['manual', 'vm', 'runtime', 'server'] as const

/** A heap without a byte to spare once it is armed; its reclaimer gives back all that fills it, and calls `act`. */
class BrimmingHeap {
  readonly heap: Heap
  readonly #held: number[] = []
  #act: (() => void) | undefined

  constructor(mode: (typeof MODES)[number]) {
    this.heap = Heap.create({ mode, limit: '2MiB', initial: '2MiB' })
    this.heap.addReclaimer(() => {
      const act = this.#act
      if (!act) return
      this.#act = undefined
      for (const block of this.#held.splice(0)) this.heap.free(block as never)
      act()
    })
  }

  /** Fill the heap, and act when it asks for room. */
  arm(act: () => void): void {
    for (let bytes = 2 ** 19; bytes >= 16; bytes /= 2) {
      for (let block = this.heap.tryAlloc(bytes); block !== 0; block = this.heap.tryAlloc(bytes)) this.#held.push(block)
    }
    this.#act = act
  }

  get hasActed(): boolean {
    return this.#act === undefined
  }
}

describe.each(MODES)('%s: arrays that change while room is made for them', (mode) => {
  it('push: what was pushed meanwhile stays', () => {
    const brim = new BrimmingHeap(mode)
    using heap = brim.heap
    using _scope = heap.scope()
    const list = heap.values.array('i32', new Int32Array(60000))
    list.trim()
    brim.arm(() => {
      list.push(1)
      list.push(2)
    })
    expect(list.push(3)).toBe(60003)
    expect([brim.hasActed, ...list.toTypedArray(60000)]).toEqual([true, 1, 2, 3])
    expect(heap.verify()).toEqual({ ok: true })
  })

  it('push, append, insert: what was cleared meanwhile is gone', () => {
    const brim = new BrimmingHeap(mode)
    using heap = brim.heap
    using _scope = heap.scope()
    const wide = heap.values.array({ bytes: 1000 })
    wide.resize(300)
    wide.trim()
    const element = new Uint8Array(1000).fill(7)
    brim.arm(() => {
      wide.clear()
      wide.trim()
    })
    expect(wide.push(element)).toBe(1)
    expect(wide.get(0)).toEqual(element)
    wide.resize(300)
    wide.trim()
    brim.arm(() => {
      wide.clear()
      wide.trim()
    })
    expect(wide.append([element, element])).toBe(2)
    wide.resize(300)
    wide.trim()
    brim.arm(() => wide.clear())
    expect(() => wide.insert(300, element)).toThrow(/`insert` must be called with places that are there/)
    expect([wide.length, heap.verify()]).toEqual([0, { ok: true }])
  })

  it('append: nothing is written where the room was that a listener has given back', () => {
    const brim = new BrimmingHeap(mode)
    using heap = brim.heap
    using _scope = heap.scope()
    const list = heap.values.array('i32', new Int32Array(60000))
    list.trim()
    heap.on('collectEnd', () => {
      if (brim.hasActed && list.length === 60000) list.trim()
    })
    brim.arm(() => {})
    expect(list.append(new Int32Array(4000).fill(0x77777777))).toBe(64000)
    expect([brim.hasActed, list.capacity >= 64000, list.at(-1)]).toEqual([true, true, 0x77777777])
    expect(heap.verify()).toEqual({ ok: true })
  })
})

describe.each(['manual', 'embedded', 'vm', 'runtime'])('%s: typed arrays that are not what they say', (name) => {
  class Liar extends Int32Array {
    static claims = 0
    override get length(): number {
      return Liar.claims
    }
    static get [Symbol.species](): never {
      throw new Error('nobody asks')
    }
  }
  class ByteLiar extends Uint8Array {
    override get length(): number {
      return 2
    }
  }

  it('their elements are copied, however many they claim', () =>
    inValueHeap(name, (heap) => {
      for (const claims of [0, 1000]) {
        Liar.claims = claims
        const list = heap.values.array('i32', [7])
        list.trim()
        const beside = heap.values.string('beside')
        expect(list.append(new Liar(60).fill(5))).toBe(61)
        expect([list.at(-1), beside.text, heap.verify()]).toEqual([5, 'beside', { ok: true }])
        const own = list.view()
        expect(list.append(new Liar(own.buffer as ArrayBuffer, own.byteOffset, 61))).toBe(122)
        expect(list.copyTo(new Liar(3))).toBe(3)
      }
    }))

  it('elements of bytes have the size that they have', () =>
    inValueHeap(name, (heap) => {
      const list = heap.values.array({ bytes: 2 }, [new Uint8Array(2)])
      for (const call of ['push', 'set', 'insert', 'append', 'fill'] as const) {
        const long = new ByteLiar(50)
        const use = {
          push: () => list.push(long),
          set: () => list.set(0, long),
          insert: () => list.insert(0, long),
          append: () => list.append([long]),
          fill: () => list.fill(long),
        }
        expect(use[call], call).toThrow(/must be a Uint8Array of 2 bytes; got "50 bytes"/)
      }
      expect([list.length, list.get(0)]).toEqual([1, new Uint8Array(2)])
    }))
})

describe.each(MODES)('%s: scopes that are closed while room is made', (mode) => {
  const long = 'x'.repeat(5000)
  const Cell = struct('Cell', { any: value })
  const USES: Readonly<Record<string, (heap: Heap) => () => unknown>> = {
    'values.string': (heap) => () => heap.values.string(long),
    'values.array': (heap) => () => heap.values.array('value', [long]),
    push: (heap) => {
      const list = heap.values.array('value')
      return () => list.push(long)
    },
    'dictionary.set, key': (heap) => {
      const dictionary = heap.values.dictionary()
      return () => dictionary.set(long, 1)
    },
    'dictionary.set, key beside a view': (heap) => {
      const dictionary = heap.values.dictionary()
      const list = heap.values.array('i8')
      return () => dictionary.set(long, list)
    },
    'dictionary.set, value': (heap) => {
      const dictionary = heap.values.dictionary()
      return () => dictionary.set(1, long)
    },
    'object.set': (heap) => {
      const object = heap.values.object()
      return () => object.set('a', long)
    },
    field: (heap) => {
      const cell = heap.new(Cell)
      return () => {
        cell.any = long
      }
    },
  }

  it.each(Object.keys(USES))('%s: what was made for it is let go of', (name) => {
    const brim = new BrimmingHeap(mode)
    using heap = brim.heap
    const scope = heap.scope()
    const use = USES[name]?.(heap) as () => unknown
    brim.arm(() => scope.close())
    try {
      use()
    } catch (error) {
      expect([ScopeError, StaleHandleError, OutOfMemoryError]).toContain((error as Error).constructor)
    }
    scope.close()
    heap.collect()
    heap.values.trimInterned()
    const texts = [...heap.objects()].filter(({ bytes, type }) => type === '#string' && bytes > 5000)
    expect([mode === 'manual' ? texts.length : 0, heap.verify()]).toEqual([0, { ok: true }])
  })

  it('words.string: a listener that closes the scope cannot have the string', () => {
    const brim = new BrimmingHeap(mode)
    using heap = brim.heap
    const { words } = heap.values
    const scope = heap.scope()
    brim.arm(() => {})
    heap.on('collectEnd', () => {
      if (brim.hasActed) scope.close()
    })
    const word = words.string(long)
    expect([words.isString(word), words.text(word) === long, heap.verify()]).toEqual([true, true, { ok: true }])
    words.release(word)
  })
})

describe.each(['manual', 'embedded', 'vm', 'runtime'])('%s: without a scope', (name) => {
  it('nothing is taken out, and no dictionary stays locked', () =>
    inValueHeap(name, (heap) => {
      const outer = heap.scope()
      const inner = Heap.create({ mode: heap.mode, limit: heap.mode === 'embedded' ? '64kB' : '4MiB' })
      const { list, ages } = (() => {
        using _scope = inner.scope()
        return {
          list: inner.root(inner.values.array('value', [1, 'last'])),
          ages: inner.root(inner.values.dictionary().set('a', 'one').set('b', 2)),
        }
      })()
      expect(() => list.value.pop()).toThrow(ScopeError)
      expect(() => ages.value.take('a')).toThrow(ScopeError)
      expect([list.value.length, ages.value.size]).toEqual([2, 2])
      expect(() => [...ages.value]).toThrow(ScopeError)
      const { words } = inner.values
      expect(words.load(words.of(ages), DICTIONARY_LOCKS_AT)).toBe(words.integer(0))
      {
        using _scope = inner.scope()
        expect([String(list.value.pop()), list.value.pop(), list.value.pop()]).toEqual(['last', 1, undefined])
        expect([String(ages.value.take('a')), ages.value.take('b'), ages.value.take('b')]).toEqual([
          'one',
          2,
          undefined,
        ])
      }
      list.dispose()
      ages.dispose()
      expect(inner.verify()).toEqual({ ok: true })
      if (inner.mode === 'manual') expect([...inner.objects()].length).toBe(0)
      inner.close()
      outer.close()
    }))
})

describe.each(MODES)('%s: listeners that move what a call was given', (mode) => {
  it('words.dictionaryGetText: memory that grows is told of when the answer is there', () => {
    using heap = Heap.create({ mode, limit: '64MiB', initial: '2MiB' })
    const { words } = heap.values
    const text = 'x'.repeat(4_000_000)
    const ages = (() => {
      using _scope = heap.scope()
      return heap.root(heap.values.dictionary().set('a', 1))
    })()
    let told = 0
    heap.on('grow', () => {
      told++
      using _scope = heap.scope()
      for (let i = 0; i < 100; i++) heap.values.string(`string ${i}`)
      heap.collect()
    })
    expect(words.dictionaryGetText(words.of(ages), text)).toBe(WORD.absent)
    expect(words.dictionaryGetText(words.of(ages), 'a')).toBe(words.integer(1))
    heap.alloc(16)
    expect([told > 0, heap.verify()]).toEqual([true, { ok: true }])
  })

  it('what is kept for the time of a call is not taken from a scope that was opened meanwhile', () => {
    const brim = new BrimmingHeap(mode)
    using heap = brim.heap
    const scope = heap.scope()
    const list = heap.values.array(
      'value',
      Array.from({ length: 60000 }, (_, i) => i),
    )
    list.trim()
    using kept = heap.root(list)
    let inner: { readonly length: number }[] = []
    brim.arm(() => {
      scope.close()
      heap.scope()
      inner = [heap.values.array('i8', [1]), heap.values.array('i8', [1, 2])]
    })
    expect(() => kept.value.push('text')).toThrow(StaleHandleError)
    expect(brim.hasActed).toBe(true)
    expect([inner.map(({ length }) => length), kept.value.length, heap.verify()]).toEqual([[1, 2], 60000, { ok: true }])
  })
})

it.each(['vm', 'runtime', 'server'] as const)(
  '%s: a cache that is asked for while the heap is reset leaves nothing',
  (mode) => {
    const liveAfter = (makes: boolean) => {
      const brim = new BrimmingHeap(mode)
      using heap = brim.heap
      using kept = (() => {
        using _scope = heap.scope()
        return heap.root(heap.values.intern('x'))
      })()
      expect(kept.value.text).toBe('x')
      brim.arm(() => heap.reset())
      if (makes) expect(() => heap.values.cache('x')).toThrow(StaleHandleError)
      else heap.alloc(48)
      return [brim.hasActed, heap.stats().liveBlocks]
    }
    const [hasActed, blocks] = liveAfter(true)
    const [, withOne] = liveAfter(false)
    expect([hasActed, blocks]).toEqual([true, Number(withOne) - 1])
  },
)
