/**
 * Goal: counted objects do what programs rely on: a count is what it should be after every call, an object goes with
 * its last reference and takes along what it alone referred to, and a call that is refused has changed nothing.
 * Method: the kernel is driven directly; where a call must change nothing, all of memory is compared. Random sequences
 * are held against a mirror in JavaScript; wrong words of all kinds are handed to every export.
 * A failure means a leak, a release too early, or a kernel that a wrong argument can damage.
 */
import { describe, expect, it } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'
import { random } from '../src/random.js'
import { CountedKernel } from './counted-kernel.js'

const { STATUS_OK, STATUS_BAD_ARGUMENT, STATUS_FOREIGN, STATUS_MISALIGNED, STATUS_NOT_A_BLOCK } = layout
const { STATUS_COUNT, COUNT_MAX } = values
const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now()) >>> 0

/** What `run` answers, having changed nothing in memory. */
function refusal(kernel: CountedKernel, run: () => number): number {
  const before = kernel.snapshot()
  const answer = run()
  expect(Buffer.compare(before, kernel.snapshot())).toBe(0)
  return answer
}

const reason = (kernel: CountedKernel) => kernel.word(objects.SPACE_STATUS_AT)

describe('counts', () => {
  it('begin with 1, go up and down, and the object goes with the last one', () => {
    const kernel = new CountedKernel()
    const before = kernel.blocks
    const reference = kernel.make('refcountedNew', 40)
    expect(kernel.count(reference)).toBe(1)
    kernel.expectOk('incref', reference)
    expect(kernel.count(reference)).toBe(2)
    kernel.expectOk('decref', reference)
    expect([kernel.status(reference), kernel.objects]).toEqual([STATUS_OK, 1])
    kernel.expectOk('decref', reference)
    expect([kernel.status(reference), kernel.objects, kernel.count(reference)]).toEqual([STATUS_NOT_A_BLOCK, 0, 0])
    expect(kernel.blocks).toBe(before)
    kernel.verify()
  })

  it('of every size: zeroed, with the bytes in the header', () => {
    const kernel = new CountedKernel({ limit: 32 << 20, knobs: layout.KNOB_POISON })
    for (const bytes of [0, 1, 8, 40, 100, 104, 105, 500, 5000, 100_000, 2 << 20]) {
      const reference = kernel.make('refcountedNew', bytes)
      expect(reference % 16).toBe(8)
      expect(kernel.u32(reference - 4)).toBe(bytes)
      const payload = new Uint8Array(kernel.memory.buffer, reference, bytes)
      expect(payload.every((byte) => byte === 0)).toBe(true)
      payload.fill(0xff)
      kernel.verify()
      expect(kernel.run('readReference', reference)).toBe(reference)
      kernel.expectOk('decref', reference)
    }
    expect(kernel.blocks).toBe(0)
  })

  it.each([0xffffffff, objects.OBJECT_MAX_BYTES + 1, objects.OBJECT_MAX_BYTES])('of %i bytes are refused', (bytes) => {
    const kernel = new CountedKernel()
    expect(refusal(kernel, () => kernel.run('refcountedNew', bytes))).toBe(0)
    expect(reason(kernel)).toBe(layout.STATUS_OUT_OF_MEMORY)
  })

  it('types that need a collector that traces, unknown ones and wrong sizes are refused', () => {
    const kernel = new CountedKernel()
    const { TYPE_WEAK_REF, TYPE_WEAK_TABLE } = objects
    const wrong = [
      [TYPE_WEAK_REF, 8],
      [TYPE_WEAK_TABLE, 16],
      [0, 8],
      [99, 8],
      [kernel.types.node, 8],
      [kernel.types.array, 6],
    ]
    for (const [type = 0, bytes = 0] of wrong) {
      expect(refusal(kernel, () => kernel.run('objectNew', type, bytes))).toBe(0)
      expect(reason(kernel)).toBe(STATUS_BAD_ARGUMENT)
      expect(refusal(kernel, () => kernel.run('objectPush', type, bytes))).toBe(0)
    }
  })
})

describe('a count at its most', () => {
  it('lets nothing refer to the object any more, and nothing changes', () => {
    const kernel = new CountedKernel()
    const full = kernel.node()
    const holder = kernel.node()
    const wide = kernel.make('objectNew', kernel.types.wide, 24)
    kernel.setCount(full, COUNT_MAX)
    expect(refusal(kernel, () => kernel.run('incref', full))).toBe(STATUS_COUNT)
    expect(refusal(kernel, () => kernel.run('storeReference', holder, holder, full))).toBe(STATUS_COUNT)
    const storeWide = () => kernel.run('storeWide', wide, wide + 8, full, values.WIDE_REFERENCE)
    expect(refusal(kernel, storeWide)).toBe(STATUS_COUNT)
    expect(refusal(kernel, () => kernel.run('handlePush', full))).toBe(0)
    expect(reason(kernel)).toBe(STATUS_COUNT)
    expect(refusal(kernel, () => kernel.run('rootAdd', objects.ROOT_STRONG, full))).toBe(0)
    expect(reason(kernel)).toBe(STATUS_COUNT)
    kernel.expectOk('decref', full)
    kernel.expectOk('storeReference', holder, holder, full)
    expect(kernel.count(full)).toBe(COUNT_MAX)
  })

  it('in the middle of a copy: nothing is copied, no count has changed', () => {
    const kernel = new CountedKernel()
    const [from, to, one, almost, old] = [kernel.array(5), kernel.array(5), kernel.node(), kernel.node(), kernel.node()]
    kernel.put(to, 0, old)
    for (const [i, word] of [one, almost, one, almost, one].entries()) kernel.put(from, i, word)
    kernel.setCount(almost, COUNT_MAX - 1)
    expect(refusal(kernel, () => kernel.run('copyReferences', to, to, from, 5))).toBe(STATUS_COUNT)
    kernel.setCount(almost, COUNT_MAX - 2)
    kernel.expectOk('copyReferences', to, to, from, 5)
    expect([one, almost, old].map((each) => kernel.count(each))).toEqual([7, COUNT_MAX, 1])
  })
})

describe('words that lead nowhere', () => {
  /** Of every kind, with the status that the kernel must answer. */
  function wrongWords(kernel: CountedKernel): [what: string, word: number, status: number][] {
    const released = kernel.make('refcountedNew', 40)
    const block = kernel.make('alloc', 64)
    const live = kernel.make('refcountedNew', 64)
    kernel.expectOk('decref', released)
    return [
      ['a released object', released, STATUS_NOT_A_BLOCK],
      ['a plain block', block + 24, STATUS_NOT_A_BLOCK],
      ['the inside of an object', live + 16, STATUS_NOT_A_BLOCK],
      ['beyond the memory', 0xfffffff8, STATUS_FOREIGN],
      ['the first words', 8, STATUS_FOREIGN],
      ['the control block', 24, STATUS_FOREIGN],
    ]
  }

  it('are refused as what is counted, as a holder, and as what is stored', () => {
    const kernel = new CountedKernel()
    const wrong = wrongWords(kernel)
    const holder = kernel.node()
    const wide = kernel.make('objectNew', kernel.types.wide, 24)
    const from = kernel.make('alloc', 64)
    const good = kernel.node()
    for (const [what, word, status] of wrong) {
      const answers: Record<string, number> = {
        incref: refusal(kernel, () => kernel.run('incref', word)),
        decref: refusal(kernel, () => kernel.run('decref', word)),
        store: refusal(kernel, () => kernel.run('storeReference', holder, holder, word)),
        holder: refusal(kernel, () => kernel.run('storeReference', word, word, good)),
        copyTo: refusal(kernel, () => kernel.run('copyReferences', word, word, from, 1)),
        wide: refusal(kernel, () => kernel.run('storeWide', wide, wide + 8, word, values.WIDE_REFERENCE)),
      }
      kernel.setU32(from, good)
      kernel.setU32(from + 4, word)
      answers.copyFrom = refusal(kernel, () => kernel.run('copyReferences', holder, holder, from, 2))
      expect(answers, what).toEqual(Object.fromEntries(Object.keys(answers).map((name) => [name, status])))
      for (const name of ['handlePush', 'handleAdopt']) {
        expect(
          refusal(kernel, () => kernel.run(name, word)),
          `${name}: ${what}`,
        ).toBe(0)
        expect(reason(kernel)).toBe(status)
      }
      expect(
        refusal(kernel, () => kernel.run('rootAdd', objects.ROOT_STRONG, word)),
        what,
      ).toBe(0)
      expect([kernel.count(word), kernel.run('readReference', word), kernel.run('objectState', word)]).toEqual([
        0, 0, 0,
      ])
    }
    kernel.verify()
  })

  it('that are no references are kept wherever a word may be, and count nothing', () => {
    const kernel = new CountedKernel()
    const node = kernel.node()
    for (const word of [0, 1, 0xffffffff, values.WORD_TRUE, 0x10, 0xfffffffe, 4]) {
      kernel.expectOk('storeReference', node, node, word)
      expect(kernel.u32(node)).toBe(word)
      expect(kernel.u32(kernel.make('handlePush', word))).toBe(word)
      const root = kernel.make('rootAdd', objects.ROOT_STRONG, word)
      kernel.verify()
      kernel.expectOk('rootRemove', objects.ROOT_STRONG, root)
      expect([kernel.run('incref', word), kernel.run('decref', word)]).toEqual([STATUS_MISALIGNED, STATUS_MISALIGNED])
    }
    expect(kernel.run('handlePop', 0)).toBe(1)
    kernel.verify()
  })

  it('slots outside of their holder are refused', () => {
    const kernel = new CountedKernel()
    const [node, other] = [kernel.node(), kernel.node()]
    const wide = kernel.make('objectNew', kernel.types.wide, 24)
    for (const slot of [node - 4, node + 12, node + 1, node + 2, other, 0, 0xfffffffc]) {
      expect(refusal(kernel, () => kernel.run('storeReference', node, slot, other))).toBe(STATUS_BAD_ARGUMENT)
      expect(refusal(kernel, () => kernel.run('copyReferences', node, slot, other, 1))).toBe(STATUS_BAD_ARGUMENT)
    }
    expect(refusal(kernel, () => kernel.run('copyReferences', node, node, other, 4))).toBe(STATUS_BAD_ARGUMENT)
    expect(refusal(kernel, () => kernel.run('copyReferences', node, node, other, 0x40000001))).toBe(STATUS_BAD_ARGUMENT)
    // Where words lie, half a double would be taken for a reference: in a node, and in front of the wide values.
    for (const [holder, slot] of [
      [wide, wide + 20],
      [wide, wide],
      [wide, wide + 12],
      [node, node],
    ] as const) {
      expect(refusal(kernel, () => kernel.run('storeWide', holder, slot, 8, 0))).toBe(STATUS_BAD_ARGUMENT)
    }
    expect(refusal(kernel, () => kernel.run('storeReference', 0, 0xfffffffc, 0))).toBe(STATUS_BAD_ARGUMENT)
    expect(refusal(kernel, () => kernel.run('touchWords', 0xfffffff0, 8))).toBe(STATUS_BAD_ARGUMENT)
  })

  it('left behind by who took back too much, do no harm when their holder goes', () => {
    for (const release of [true, false]) {
      const kernel = new CountedKernel({ release })
      const [holder, leaf, node] = [kernel.node(), kernel.make('refcountedNew', 8), kernel.node()]
      kernel.give(holder, 0, leaf)
      kernel.give(holder, 1, node)
      // Those counts are the holder's.
      kernel.expectOk('decref', leaf)
      kernel.expectOk('decref', node)
      expect(kernel.run('verify')).toBe(objects.FAULT_REFERENCE)
      kernel.expectOk('incref', holder)
      kernel.expectOk('decref', holder)
      kernel.expectOk('collect', objects.COLLECT_FULL)
      kernel.expectOk('decref', holder)
      expect(kernel.blocks).toBe(0)
      kernel.verify()
    }
  })
})

describe('stores', () => {
  it('count the new one up and the old one down, and nothing for the same word', () => {
    const kernel = new CountedKernel()
    const [holder, one, two] = [kernel.node(), kernel.node(), kernel.node()]
    kernel.put(holder, 0, one)
    kernel.put(holder, 0, one)
    expect(kernel.count(one)).toBe(2)
    kernel.put(holder, 0, two)
    expect([kernel.count(one), kernel.count(two)]).toEqual([1, 2])
    kernel.expectOk('decref', two)
    kernel.put(holder, 0, 7)
    expect(kernel.status(two)).toBe(STATUS_NOT_A_BLOCK)
    kernel.verify()
  })

  it('of an object into itself: it goes when it refers to itself alone and lets that go', () => {
    const kernel = new CountedKernel()
    const node = kernel.node()
    kernel.put(node, 0, node)
    kernel.put(node, 1, node)
    expect(kernel.count(node)).toBe(3)
    kernel.expectOk('decref', node)
    kernel.put(node, 0, 0)
    kernel.put(node, 1, 0)
    expect([kernel.status(node), kernel.blocks]).toEqual([STATUS_NOT_A_BLOCK, 0])
    kernel.verify()
  })

  it('move on in a list whose head alone keeps it', () => {
    const kernel = new CountedKernel()
    const head = kernel.node()
    for (let i = 0; i < 10; i++) {
      const node = kernel.node()
      kernel.put(node, 0, kernel.u32(head))
      kernel.give(head, 0, node)
    }
    for (let left = 10; left > 0; left--) {
      expect(kernel.objects).toBe(left + 1)
      kernel.put(head, 0, kernel.u32(kernel.u32(head)))
    }
    expect(kernel.objects).toBe(1)
    kernel.verify()
  })

  it('outside of objects own counts: two roots of the space, words of the program', () => {
    const kernel = new CountedKernel()
    const block = kernel.make('alloc', 16)
    kernel.setU32(block, 0)
    const slots = [
      kernel.space + objects.SPACE_GLOBAL_OBJECT_AT,
      kernel.space + objects.SPACE_PENDING_EXCEPTION_AT,
      block,
    ]
    const node = kernel.node()
    for (const slot of slots) kernel.expectOk('storeReference', 0, slot, node)
    expect(kernel.count(node)).toBe(4)
    kernel.verify()
    kernel.expectOk('decref', node)
    for (const slot of slots) kernel.expectOk('storeReference', 0, slot, 0)
    expect(kernel.objects).toBe(0)
  })

  it('of wide values count what their upper half calls a reference, and nothing else', () => {
    const kernel = new CountedKernel()
    const wide = kernel.make('objectNew', kernel.types.wide, 8 + 16)
    const node = kernel.node()
    const put = (low: number, high: number) => kernel.expectOk('storeWide', wide, wide + 8, low, high)
    put(node, values.WIDE_REFERENCE)
    expect(kernel.count(node)).toBe(2)
    put(node, values.WIDE_INTEGER)
    expect(kernel.count(node)).toBe(1)
    put(node, values.WIDE_REFERENCE)
    put(node, values.WIDE_REFERENCE)
    expect(kernel.count(node)).toBe(2)
    put(5, values.WIDE_REFERENCE)
    expect(kernel.count(node)).toBe(1)
    put(node, values.WIDE_REFERENCE)
    kernel.expectOk('decref', node)
    kernel.expectOk('decref', wide)
    expect(kernel.blocks).toBe(0)
  })
})

describe('copies', () => {
  it('that overlap, in both directions, are those of an array in JavaScript', () => {
    const kernel = new CountedKernel()
    const next = random(SEED)
    const array = kernel.array(40)
    const nodes = Array.from({ length: 12 }, () => kernel.node())
    const mirror: number[] = Array.from({ length: 40 }, () => 0)
    for (let round = 0; round < 400; round++) {
      if (next(2)) {
        const [index, word] = [next(40), next(4) ? (nodes[next(12)] as number) : next(100) * 2 + 1]
        kernel.put(array, index, word)
        mirror[index] = word
      } else {
        const [to, from] = [next(40), next(40)]
        const count = next(41 - Math.max(to, from))
        kernel.expectOk('copyReferences', array, array + to * 4, array + from * 4, count)
        mirror.copyWithin(to, from, from + count)
      }
      const words = Array.from({ length: 40 }, (_, i) => kernel.u32(array + i * 4))
      expect(words, `seed ${SEED}`).toEqual(mirror)
      const counts = nodes.map((node) => mirror.filter((word) => word === node).length + 1)
      expect(
        nodes.map((node) => kernel.count(node)),
        `seed ${SEED}`,
      ).toEqual(counts)
    }
    for (const node of nodes) kernel.expectOk('decref', node)
    kernel.verify()
    kernel.expectOk('decref', array)
    expect(kernel.blocks).toBe(0)
  })

  it('over what alone keeps their source take its words, not what is left of its memory', () => {
    const kernel = new CountedKernel({ knobs: layout.KNOB_POISON })
    const [target, source] = [kernel.array(2), kernel.array(2)]
    const [one, two] = [kernel.node(), kernel.node()]
    kernel.give(source, 0, one)
    kernel.give(source, 1, two)
    kernel.give(target, 0, source)
    kernel.expectOk('copyReferences', target, target, source, 2)
    expect([kernel.u32(target), kernel.u32(target + 4)]).toEqual([one, two])
    expect([kernel.count(one), kernel.count(two), kernel.status(source)]).toEqual([1, 1, STATUS_NOT_A_BLOCK])
    kernel.verify()
  })
})

describe('release', () => {
  it('of a list of a million nodes, and of one that ends in an object somebody has', () => {
    const kernel = new CountedKernel({ limit: 128 << 20, release: true })
    const last = kernel.node()
    let head = 0
    for (let i = 0; i < 1_000_000; i++) {
      const node = kernel.node()
      kernel.put(node, 0, head || last)
      if (head) kernel.expectOk('decref', head)
      head = node
    }
    expect(kernel.count(last)).toBe(2)
    kernel.expectOk('decref', head)
    expect([kernel.blocks, kernel.count(last)]).toEqual([1, 1])
    kernel.verify()
  })

  it('of a wide tree, through arrays, words in elements and wide values', () => {
    const kernel = new CountedKernel()
    const root = kernel.array(1000)
    for (let i = 0; i < 1000; i++) {
      const mixed = kernel.make('objectNew', kernel.types.mixed, 80)
      for (let j = 0; j < 10; j++) {
        // The first word of an element is plain, even if it looks like a reference.
        kernel.setU32(mixed + j * 8, root)
        kernel.give(mixed, j * 2 + 1, kernel.make('refcountedNew', i % 50))
      }
      kernel.give(root, i, mixed)
    }
    expect([kernel.objects, kernel.count(root)]).toEqual([11_001, 1])
    kernel.expectOk('decref', root)
    expect([kernel.objects, kernel.blocks]).toEqual([0, 0])
    kernel.verify()
  })

  it('while handles and roots keep parts', () => {
    const kernel = new CountedKernel()
    const [a, b, c] = [kernel.node(), kernel.node(), kernel.node()]
    kernel.give(b, 0, c)
    kernel.put(a, 0, b)
    const top = kernel.make('handlePush', b)
    kernel.expectOk('decref', b)
    const root = kernel.make('rootAdd', objects.ROOT_PINNED, c)
    kernel.expectOk('decref', a)
    expect([kernel.objects, kernel.count(b), kernel.count(c)]).toEqual([2, 1, 2])
    expect(kernel.run('handlePop', top)).toBe(1)
    expect([kernel.objects, kernel.count(c)]).toEqual([1, 1])
    kernel.expectOk('rootRemove', objects.ROOT_PINNED, root)
    expect(kernel.objects).toBe(0)
    kernel.verify()
  })

  it('zeroes the word that watches the object, and nothing when that is no place for a word', () => {
    const kernel = new CountedKernel()
    const watch = kernel.make('alloc', 16)
    const watched = (at: number) => {
      const reference = kernel.make('refcountedNew', 16)
      kernel.setU32(reference - 8, kernel.u32(reference - 8) | values.OBJECT_WATCHED)
      kernel.setU32(reference, at)
      return reference
    }
    const one = watched(watch)
    kernel.setU32(watch, one)
    kernel.expectOk('incref', one)
    kernel.expectOk('decref', one)
    expect(kernel.u32(watch)).toBe(one)
    kernel.expectOk('decref', one)
    expect(kernel.u32(watch)).toBe(0)
    for (const at of [0, watch + 1, 0xfffffffc, kernel.memory.buffer.byteLength]) kernel.expectOk('decref', watched(at))
    kernel.verify()
  })
})

describe('handles', () => {
  it('own a count each; adopted ones take over the caller’s', () => {
    const kernel = new CountedKernel()
    const node = kernel.node()
    const slots = Array.from({ length: 5000 }, () => kernel.make('handlePush', node))
    expect(kernel.count(node)).toBe(5001)
    kernel.make('handleAdopt', node)
    expect(kernel.count(node)).toBe(5001)
    kernel.verify()
    expect(kernel.run('handlePop', 4)).toBe(0)
    expect(kernel.run('handlePop', (slots[10] as number) + 1)).toBe(0)
    expect(kernel.run('handlePop', slots[3000] as number)).toBe(1)
    expect(kernel.count(node)).toBe(3000)
    expect(kernel.run('handlePop', slots[1] as number)).toBe(1)
    expect(kernel.count(node)).toBe(1)
    expect(kernel.run('handlePop', 0)).toBe(1)
    expect(kernel.objects).toBe(0)
    kernel.verify()
  })

  it('objectPush makes an object that its slot owns', () => {
    const kernel = new CountedKernel()
    const slot = kernel.make('objectPush', kernel.types.node, 12)
    expect(kernel.count(kernel.u32(slot))).toBe(1)
    kernel.run('handlePop', slot)
    expect(kernel.blocks).toBe(0)
  })
})

describe('roots', () => {
  it('own a count; weak ones, words elsewhere and what is no root are refused', () => {
    const kernel = new CountedKernel()
    const node = kernel.node()
    const roots = Array.from({ length: 3000 }, (_, i) => kernel.make('rootAdd', i & 1, node))
    expect(kernel.count(node)).toBe(3001)
    kernel.verify()
    const { ROOT_STRONG, ROOT_WEAK, ROOT_SLOT } = objects
    expect(refusal(kernel, () => kernel.run('rootAdd', ROOT_WEAK, node))).toBe(0)
    expect(reason(kernel)).toBe(STATUS_BAD_ARGUMENT)
    expect(refusal(kernel, () => kernel.run('rootAdd', ROOT_SLOT, kernel.space))).toBe(0)
    expect(refusal(kernel, () => kernel.run('rootRemove', ROOT_STRONG, node))).toBe(STATUS_NOT_A_BLOCK)
    expect(refusal(kernel, () => kernel.run('rootRemove', ROOT_STRONG, roots[1] as number))).toBe(STATUS_NOT_A_BLOCK)
    kernel.expectOk('decref', node)
    for (const [i, root] of roots.entries()) kernel.expectOk('rootRemove', i & 1, root)
    expect(kernel.objects).toBe(0)
    expect(refusal(kernel, () => kernel.run('rootRemove', 0, roots[0] as number))).toBe(STATUS_NOT_A_BLOCK)
    kernel.verify()
  })
})

/** Exports that take addresses on trust, or that make or drop the whole heap. */
const TRUSTING = [
  'create',
  'attach',
  'detach',
  'reset',
  'setKnobs',
  'arena',
  'pool',
  'free',
  'realloc',
  'setThreshold',
  'addClass',
]

describe('every export', () => {
  it('answers before there is an object space, and changes nothing', () => {
    const kernel = new CountedKernel({ isBare: true })
    const names = Object.keys(kernel.call).filter((name) => !TRUSTING.some((start) => name.startsWith(start)))
    const blocks = /^(?:alloc|bump|releaseCaches|classReport|freeRunReport|totalsReport|spaceCreate|verify)/
    const own = names.filter((name) => !blocks.test(name))
    expect(own.length).toBeGreaterThan(25)
    for (const name of own) {
      for (const word of [0, 8, 1, 1000, 0xfffffff8])
        refusal(kernel, () => kernel.run(name, word, word, word, word, word))
    }
    kernel.expectOk('spaceCreate', 0)
    expect(kernel.run('spaceCreate', 0)).toBe(STATUS_BAD_ARGUMENT)
    kernel.verify()
  })

  it('answers to random words, traps on none, and leaves the heap sound', () => {
    for (const release of [false, true]) {
      const kernel = new CountedKernel({ release, limit: 4 << 20 })
      const next = random(SEED)
      const live = Array.from({ length: 50 }, (_, i) => (i & 1 ? kernel.node() : kernel.array(8)))
      const names = Object.keys(kernel.call).filter((name) => !TRUSTING.some((start) => name.startsWith(start)))
      const word = () => {
        const object = live[next(live.length)] as number
        const kinds = [object, object + next(64) - 32, next(2 ** 31) * 2 + next(2), next(2 ** 27) * 16 + 8, next(20), 0]
        return (kinds[next(kinds.length)] as number) >>> 0
      }
      const call = (name: string) => {
        const words = Array.from({ length: 9 }, word)
        // Without a holder a slot is the program's own word: only one who says so is asked.
        if (/^(?:store|copy)/.test(name)) words[0] ||= 3
        // Counts of the test's own that keep the objects: whoever takes them back takes its own.
        if (name === 'decref' && kernel.count(words[0] as number) < 1000) return
        kernel.run(name, ...words)
      }
      for (const object of live) kernel.setCount(object, 100_000)
      for (let round = 0; round < 20_000; round++) {
        const name = names[next(names.length)] as string
        try {
          call(name)
          if (round % 500 === 0) kernel.verify()
        } catch (error) {
          throw new Error(`seed ${SEED}, round ${round}, ${name}: ${error}`, { cause: error })
        }
      }
      kernel.verify()
    }
  })
})
