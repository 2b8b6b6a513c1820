/**
 * Goal: what is written is a `.heapsnapshot` as V8 writes it, and says the same as what it was written from.
 * Method: the text is parsed by `JSON.parse` and held against the format's rules; a recorded file is read, written and
 * read again. A failure means files that other readers refuse or read as something else.
 */
import { describe, expect, it } from 'vitest'
import { array, Heap, type HeapSnapshot, HeapSnapshotReader, ref, struct, writeHeapSnapshot } from '../src/index.js'
import { EDGE_TYPES, graphPath, readGraph, snapshotDocument } from './graphs.js'

function read(pieces: Iterable<string>): HeapSnapshot {
  const reader = new HeapSnapshotReader('own')
  for (const piece of pieces) reader.push(new TextEncoder().encode(piece))
  return reader.finish()
}

/** All that a snapshot says, its strings too. */
function said({ strings, name: _, ...rest }: HeapSnapshot) {
  return { ...rest, strings: Array.from({ length: strings.count }, (_, i) => strings.at(i)) }
}

const Box = struct('Box', { items: array(ref()) })

describe('a written snapshot', () => {
  it('has the sections, fields and types of the format, and edges grouped by node', () => {
    const heap = Heap.create({ mode: 'vm' })
    heap.scope()
    const inner = heap.new(Box, {}, 2)
    heap.root(heap.new(Box, { items: [inner, null, inner] }))
    const text = [...heap.snapshot().write()].join('')
    const document = JSON.parse(text)
    expect(Object.keys(document)).toEqual(
      'snapshot nodes edges trace_function_infos trace_tree samples locations strings'.split(' '),
    )
    const { meta, node_count, edge_count, trace_function_count } = document.snapshot
    expect(trace_function_count).toBe(0)
    expect(meta.node_fields).toEqual('type name id self_size edge_count trace_node_id detachedness'.split(' '))
    expect(meta.node_types[0].join()).toBe(
      'hidden,array,string,object,code,closure,regexp,number,native,synthetic,concatenated string,sliced string,' +
        'symbol,bigint,object shape',
    )
    expect(meta.node_types.slice(1)).toEqual(['string', 'number', 'number', 'number', 'number', 'number'])
    expect(meta.edge_fields).toEqual(['type', 'name_or_index', 'to_node'])
    expect(meta.edge_types).toEqual([EDGE_TYPES, 'string_or_number', 'node'])
    expect(document.nodes).toHaveLength(node_count * 7)
    expect(document.edges).toHaveLength(edge_count * 3)
    const edgeCounts = document.nodes.filter((_: number, i: number) => i % 7 === 4)
    expect(edgeCounts.reduce((sum: number, count: number) => sum + count, 0)).toBe(edge_count)
    const targets = document.edges.filter((_: number, i: number) => i % 3 === 2)
    expect(targets.every((place: number) => place % 7 === 0 && place < node_count * 7)).toBe(true)
    // The root is first.
    expect([meta.node_types[0][document.nodes[0]], document.strings[document.nodes[1]]]).toEqual(['synthetic', ''])
    for (const section of ['trace_function_infos', 'trace_tree', 'samples', 'locations']) {
      expect(document[section]).toEqual([])
    }
    heap.close()
  })

  it.each(['node-startup', 'typescript'])('of the recorded %s reads as what it was written from', async (name) => {
    const file = await readGraph(graphPath(name))
    const pieces = [...writeHeapSnapshot(file)]
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(80_000 + longestString(file))
    const again = read(pieces)
    for (const [part, content] of Object.entries(said(file))) {
      const other = said(again)[part as keyof ReturnType<typeof said>]
      // Held against each other as bytes: a difference of a million numbers is no message.
      if (ArrayBuffer.isView(content)) expect([part, sameBytes(content, other as typeof content)]).toEqual([part, true])
      else expect([part, JSON.stringify(other) === JSON.stringify(content)]).toEqual([part, true])
    }
  })

  it('of a heap says that ids are addresses, one of V8 does not', async () => {
    const heap = Heap.create()
    const own = heap.snapshot()
    expect(own.idKind).toBe('address')
    expect(read(own.write())).toMatchObject({ idKind: 'address', bytes: own.bytes, nodeCount: own.nodeCount })
    const file = await readGraph(graphPath('node-startup'))
    expect([file.idKind, read(writeHeapSnapshot(file)).idKind]).toEqual(['serial', 'serial'])
    heap.close()
  })

  it('of nodes without ids gives them some', () => {
    const document = snapshotDocument([{ edges: [1, 2] }, { size: 5 }, { size: 6 }])
    document.snapshot.meta.node_fields[2] = 'number'
    const file = read([JSON.stringify(document)])
    expect(file.nodeIds).toBeUndefined()
    expect([...(read(writeHeapSnapshot(file)).nodeIds ?? [])]).toEqual([1, 3, 5])
  })

  it('keeps any text', () => {
    const names = [
      '',
      '"',
      '\\',
      '\n\r\t\b\f\u0000\u001f\u007f',
      'ünïcödé',
      '\u{1f600}',
      '\ud800',
      '\u2028',
      '</script>',
    ]
    const file = read([JSON.stringify(snapshotDocument(names.map((name) => ({ name }))))])
    const again = read(writeHeapSnapshot(file))
    expect(names.map((_, node) => again.strings.at(again.nodeNames[node] as number))).toEqual(names)
  })

  it('an id beyond 32 bits is no id', () => {
    const document = snapshotDocument([{ size: 1 }])
    ;(document.nodes as number[])[2] = 2 ** 32
    expect(() => read([JSON.stringify(document)])).toThrow(/node 0: its id is 4294967296, beyond 32 bits/)
  })
})

function longestString({ strings }: HeapSnapshot): number {
  let longest = 0
  for (let i = 0; i < strings.count; i++) longest = Math.max(longest, strings.json(i).length)
  return longest
}

function sameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const bytes = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  return Buffer.compare(bytes(a), bytes(b)) === 0
}
