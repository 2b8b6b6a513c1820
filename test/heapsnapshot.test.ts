/**
 * Goal: the heap snapshot reader gives the graph that the file holds, and an error that says what and where for every
 * file that contradicts itself. Method: the recorded graphs and random ones against `JSON.parse`, in pieces cut at
 * random; one field, one bracket or one number made wrong at a time; every prefix of a file; arbitrary bytes. A failure
 * means that `heapwright graph` loads a graph that no program held, or that a damaged file takes the tool down.
 */

import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../src/formats/format-error.js'
import {
  describeNode,
  edgeLabel,
  type HeapSnapshot,
  HeapSnapshotReader,
  readHeapSnapshot,
  snapshotName,
} from '../src/formats/heapsnapshot.js'
import { DEPTH_MAX, TEXT_MAX_BYTES } from '../src/formats/json-sections.js'
import { EDGE_TYPES, GRAPHS, graphPath, NODE_TYPES, readGraph, type SmallNode, snapshotDocument } from './graphs.js'

const encoder = new TextEncoder()

function read(text: string): HeapSnapshot {
  return readHeapSnapshot(encoder.encode(text), 'test')
}

function failure(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    expect(error.message).toMatch(/^test: /)
    return error.reason
  }
  return 'no error'
}

const SMALL: readonly SmallNode[] = [
  { type: 'synthetic', edges: [1, 2] },
  { name: 'a "b" \u00e9\n', size: 24, edges: [2, -1, 0] },
  { type: 'string', name: 'text', size: 7 },
]

type Parsed = ReturnType<typeof snapshotDocument>

/** The same graph by other means: `JSON.parse` and plain loops. */
function plainGraph({ snapshot, nodes, edges }: Parsed) {
  const { node_fields, edge_fields } = snapshot.meta
  const column = (list: unknown, fields: readonly string[], name: string) =>
    (list as number[]).filter((_, i) => i % fields.length === fields.indexOf(name))
  return {
    types: column(nodes, node_fields, 'type'),
    names: column(nodes, node_fields, 'name'),
    sizes: column(nodes, node_fields, 'self_size'),
    edgeCounts: column(nodes, node_fields, 'edge_count'),
    edgeTypes: column(edges, edge_fields, 'type'),
    edgeNames: column(edges, edge_fields, 'name_or_index'),
    targets: column(edges, edge_fields, 'to_node').map((place) => place / node_fields.length),
  }
}

type Numbers = Uint8Array | Uint32Array | Float64Array

/** Compared as bytes: `toEqual` takes seconds for arrays of millions. */
function expectNumbers(found: Numbers, expected: readonly number[]): void {
  const same = new (found.constructor as new (values: readonly number[]) => Numbers)(expected)
  expect(Buffer.from(found.buffer, found.byteOffset, found.byteLength).equals(Buffer.from(same.buffer))).toBe(true)
}

function expectSame(graph: HeapSnapshot, document: Parsed): void {
  const plain = plainGraph(document)
  expect(graph.nodeCount).toBe(plain.types.length)
  expect(graph.edgeCount).toBe(plain.targets.length)
  expectNumbers(graph.nodeTypes, plain.types)
  expectNumbers(graph.edgeTypes, plain.edgeTypes)
  expectNumbers(graph.nodeNames, plain.names)
  expectNumbers(graph.selfSizes, plain.sizes)
  expectNumbers(graph.edgeNames, plain.edgeNames)
  expectNumbers(graph.edgeTargets, plain.targets)
  let first = 0
  const firsts = [...plain.edgeCounts, 0].map((count) => {
    first += count
    return first - count
  })
  expectNumbers(graph.firstEdges, firsts)
  expect(graph.bytes).toBe(plain.sizes.reduce((sum, size) => sum + size, 0))
  const strings = document.strings as string[]
  expect(graph.strings.count).toBe(strings.length)
  const wrong = strings.findIndex((text, i) => graph.strings.at(i) !== text)
  expect(wrong).toBe(-1)
}

describe('the recorded graphs', () => {
  it.each(GRAPHS)('$name is read as JSON.parse reads it', { timeout: 60_000 }, async ({ name, nodes, edges }) => {
    const path = graphPath(name)
    const graph = await readGraph(path)
    expect(graph).toMatchObject({ name: path, nodeCount: nodes, edgeCount: edges })
    expect(graph.edgeTypeNames[graph.weakType]).toBe('weak')
    expectSame(graph, JSON.parse(gunzipSync(readFileSync(path)).toString()))
  })
})

describe('a small snapshot', () => {
  it('has types, names, sizes and edges', () => {
    const graph = read(JSON.stringify(snapshotDocument(SMALL)))
    expectSame(graph, snapshotDocument(SMALL))
    expect(graph.bytes).toBe(31)
    expect(graph.nodeTypeNames).toEqual(NODE_TYPES)
    expect(graph.edgeTypeNames).toEqual(EDGE_TYPES)
    expect(describeNode(graph, 0)).toBe('synthetic (node 0)')
    expect(describeNode(graph, 1)).toBe('object a "b" \u00e9\n (node 1)')
    expect(edgeLabel(graph, 2)).toBe('[2]')
    expect(edgeLabel(graph, 3)).toBe('')
    expect(graph.strings.at(99)).toBe('')
  })

  it('may have its fields in any order, and more of them', () => {
    const document = snapshotDocument(SMALL)
    const { meta } = document.snapshot
    meta.node_fields = ['edge_count', 'detachedness', 'self_size', 'id', 'trace_node_id', 'name', 'type']
    meta.node_types = ['number', 'number', 'number', 'number', 'number', 'string', NODE_TYPES]
    document.nodes = [2, 0, 0, 1, 0, 0, 4, 3, 0, 24, 3, 0, 1, 3, 0, 0, 7, 5, 0, 2, 2]
    meta.edge_fields = ['to_node', 'name_or_index', 'type']
    meta.edge_types = ['node', 'string_or_number', EDGE_TYPES]
    document.edges = [7, 0, 1, 14, 1, 1, 14, 2, 1, 0, 0, 6, 0, 4, 1]
    expectSame(read(JSON.stringify(document)), document)
  })

  it.each([
    ['without weak edges among its types', ['context', 'element']],
    ['with few edge types', ['element', 'element2']],
  ])('%s knows no weak edge', (_, types) => {
    const document = snapshotDocument([{ edges: [0] }])
    document.snapshot.meta.edge_types[0] = types
    expect(read(JSON.stringify(document)).weakType).toBe(-1)
  })

  it('may have its sections in another order, other sections, blanks and a byte order mark', () => {
    const document = snapshotDocument(SMALL)
    const { snapshot, nodes, edges, strings } = document
    const others = {
      trace_tree: [1, [-2.5e-3, { a: [null, true, false, ''] }], {}],
      locations: [],
      samples: 0,
      '': 'x',
    }
    const text = `\ufeff \r\n${JSON.stringify({ ...others, snapshot, edges, strings, nodes, z: 1 }, null, '\t')}\n\n`
    expectSame(read(text), document)
  })

  it('may be a single node', () => {
    const graph = read(JSON.stringify(snapshotDocument([{}])))
    expect(graph).toMatchObject({ nodeCount: 1, edgeCount: 0, bytes: 0 })
    expect(graph.firstEdges).toEqual(Uint32Array.of(0, 0))
  })

  it('may have sizes beyond 32 bits', () => {
    const graph = read(JSON.stringify(snapshotDocument([{ size: 2 ** 40 + 1 }])))
    expect(graph.selfSizes[0]).toBe(2 ** 40 + 1)
  })
})

describe('random snapshots', () => {
  const nodes = fc.integer({ min: 1, max: 30 }).chain((count) =>
    fc.array(
      fc.record({
        type: fc.constantFrom(...NODE_TYPES),
        name: fc.string({ unit: 'binary' }),
        size: fc.nat(),
        edges: fc.array(fc.integer({ min: -count, max: count - 1 }), { maxLength: 8 }),
      }),
      { minLength: count, maxLength: count },
    ),
  )

  it('are read alike however they are cut', () => {
    fc.assert(
      fc.property(nodes, fc.array(fc.nat(60), { minLength: 1 }), fc.constantFrom(0, 1), (list, cuts, space) => {
        const document = snapshotDocument(list)
        const bytes = encoder.encode(JSON.stringify(document, null, space))
        const reader = new HeapSnapshotReader('test')
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const length = (cuts[i % cuts.length] as number) + (i % 7)
          reader.push(bytes.subarray(at, at + length))
          at += length
        }
        expectSame(reader.finish(), document)
      }),
    )
  })
})

describe('a file that contradicts itself', () => {
  type Change = (document: Parsed) => void
  const numbers = (list: unknown) => list as number[]

  it.each<[string, string, Change]>([
    ['too few nodes', '3 nodes are in it, but node_count is 4', (d) => (d.snapshot.node_count = 4)],
    ['too many nodes', 'more nodes are in it than the 2 that node_count says', (d) => (d.snapshot.node_count = 2)],
    ['too few edges', '4 edges are in it, but edge_count is 5', (d) => numbers(d.edges).splice(0, 3)],
    [
      'edge counts below edge_count',
      "the nodes' edge counts add up to 4, but edge_count is 5",
      (d) => (numbers(d.nodes)[9] = 2),
    ],
    [
      'edge counts above edge_count',
      'node 1: the edge counts up to it add up to 6, but edge_count is 5',
      (d) => (numbers(d.nodes)[9] = 4),
    ],
    ['too many edges', 'more edges are in it than the 5 that edge_count says', (d) => numbers(d.edges).push(1, 0, 0)],
    [
      'nodes cut in the middle',
      'the list ends in the middle of its last node: each is 5 numbers',
      (d) => numbers(d.nodes).pop(),
    ],
    [
      'edges cut in the middle',
      'the list ends in the middle of its last edge: each is 3 numbers',
      (d) => numbers(d.edges).pop(),
    ],
    [
      'a to_node between nodes',
      'edge 1: its to_node is 12, but nodes begin at multiples of 5',
      (d) => (numbers(d.edges)[5] = 12),
    ],
    [
      'a to_node behind the nodes',
      'edge 1: its to_node is 15, but the nodes end before 15',
      (d) => (numbers(d.edges)[5] = 15),
    ],
    ['an unknown node type', 'node 2: its type is 5 of 5', (d) => (numbers(d.nodes)[10] = 5)],
    ['an unknown edge type', 'edge 0: its type is 7 of 7', (d) => (numbers(d.edges)[0] = 7)],
    ['a name that is no string', 'node 1: its name is string 3 of 3', (d) => (numbers(d.nodes)[6] = 3)],
    ['a huge name', 'node 1: there is no string 4294967296', (d) => (numbers(d.nodes)[6] = 2 ** 32)],
    ['an edge name that is no string', 'edge 3: its name is string 9 of 3', (d) => (numbers(d.edges)[10] = 9)],
    ['a huge index', 'edge 0: its name or index is 4294967296, beyond 32 bits', (d) => (numbers(d.edges)[1] = 2 ** 32)],
    [
      'sizes without end',
      'the self sizes add up to more than 2^53',
      (d) => {
        numbers(d.nodes)[3] = 9e15
        numbers(d.nodes)[8] = 9e15
      },
    ],
    ['no nodes', 'node_count is 0, but there must be a root', (d) => (d.snapshot.node_count = 0)],
    ['a negative count', 'node_count is no count', (d) => (d.snapshot.node_count = -1)],
    ['a fractional count', 'edge_count is no count', (d) => (d.snapshot.edge_count = 5.5)],
    ['a count in words', 'edge_count is no count', (d) => (d.snapshot.edge_count = '5')],
    ['no count', 'node_count is no count', (d) => (d.snapshot.node_count = undefined)],
    [
      'a count beyond memory',
      'node_count is 4000000000; more than 134217728 cannot be read',
      (d) => (d.snapshot.node_count = 4e9),
    ],
    ['a huge count', '3 nodes are in it, but node_count is 134217728', (d) => (d.snapshot.node_count = 2 ** 27)],
    ['no self_size', "meta.node_fields has no 'self_size'", (d) => (d.snapshot.meta.node_fields[3] = 'size')],
    ['no to_node', "meta.edge_fields has no 'to_node'", (d) => (d.snapshot.meta.edge_fields[2] = 'to')],
    ['a field twice', 'meta.node_fields has a name twice', (d) => (d.snapshot.meta.node_fields[2] = 'type')],
    [
      'fields without names',
      'meta.node_fields is no list of names',
      (d) => (d.snapshot.meta.node_fields = [] as string[]),
    ],
    ['no node types', 'meta.node_types[0] is no list of names', (d) => (d.snapshot.meta.node_types[0] = 'string')],
    ['no edge types', 'meta.edge_types[0] is no list of names', (d) => (d.snapshot.meta.edge_types = [])],
    ['a section that is no list', "in 'nodes': '{' where a list of numbers is expected", (d) => (d.nodes = {})],
    ['strings that are no list', "in 'strings': '1' where a list of strings is expected", (d) => (d.strings = 1)],
    ['a string that is none', "in 'strings': '1' where a string is expected", (d) => (d.strings = [1])],
    ['a negative number', "in 'nodes': a negative number", (d) => (numbers(d.nodes)[7] = -3)],
    [
      'a fraction',
      "in 'edges': a number that is not whole, or not in plain digits",
      (d) => (numbers(d.edges)[1] = 0.5),
    ],
    ['an exponent', "in 'edges': a number that is not whole, or not in", (d) => (numbers(d.edges)[1] = 1e21)],
    ['a number beyond 2^53', "in 'nodes': a number beyond 2^53", (d) => (numbers(d.nodes)[3] = 1e18)],
    ['a list in a list', "in 'nodes': '[' where a number is expected", (d) => (d.nodes = [[1]])],
    ['null among numbers', "in 'nodes': 'n' where a number is expected", (d) => (d.nodes = [null])],
  ])('%s: %s', (_, reason, change) => {
    const document = snapshotDocument(SMALL)
    change(document)
    expect(failure(() => read(JSON.stringify(document)))).toContain(reason)
  })

  it.each(['snapshot', 'nodes', 'edges', 'strings'])('without the section %s', (section) => {
    const { [section as 'nodes']: _, ...rest } = snapshotDocument(SMALL)
    const needed = `the section 'nodes' comes before the section 'snapshot', which describes it`
    const missing = `no heap snapshot: there is no section '${section}' in it`
    expect(failure(() => read(JSON.stringify(rest)))).toBe(section === 'snapshot' ? needed : missing)
  })

  it.each(['snapshot', 'nodes', 'edges', 'strings'])('with the section %s twice', (section) => {
    const text = JSON.stringify(snapshotDocument(SMALL))
    const again = `${text.slice(0, -1)},"${section}":[]}`
    expect(failure(() => read(again))).toBe(`the section '${section}' is there twice`)
  })
})

describe('a text that is no snapshot', () => {
  it.each([
    ['nothing', '', 'it is empty'],
    ['blanks', ' \n', 'it ends too early: at byte 2'],
    ['prose', 'Dear reader', "byte 0: no JSON object: it begins with 'D'"],
    ['a list', '[]', "byte 0: no JSON object: it begins with '['"],
    ['an empty object', '{}', "no heap snapshot: there is no section 'snapshot' in it"],
    ['another document', '{"name":"x","version":[1,2]}', "no heap snapshot: there is no section 'snapshot' in it"],
    ['no meta', '{"snapshot":{}}', "no heap snapshot: its section 'snapshot' has no 'meta'"],
    ['null for the description', '{"snapshot":null}', "no heap snapshot: its section 'snapshot' has no 'meta'"],
    ['two documents', '{}{}', "byte 2: '{' where nothing more is expected"],
    ['a comma too many', '{"a":1,}', `byte 7: '}' where a name in quotes is expected`],
    ['a comma too many in a list', '{"a":[1,]}', `byte 8, in 'a': ']' where a value is expected`],
    ['no colon', '{"a" 1}', `byte 5: '1' where ':' is expected`],
    ['the wrong bracket', '{"a":[1}}', `byte 7, in 'a': '}' where ',' or the closing bracket is expected`],
    ['a word', '{"a":nil}', `byte 5, in 'a': 'nil' where a value is expected`],
    ['half a number', '{"a":1.}', `byte 5, in 'a': '1.' where a value is expected`],
    ['a zero in front', '{"a":01}', `byte 5, in 'a': '01' where a value is expected`],
    ['a newline in a string', '{"a":"\n"}', `byte 6, in 'a': byte 0x0a inside a string`],
    ['a wrong escape', '{"a":"\\x"}', `byte 7, in 'a': 'x' is no escape of a string`],
    ['a short escape', '{"a":"\\u12"}', `byte 10, in 'a': '"' is no escape of a string`],
    ['no end', '{"a":[{"b":"', `it ends too early: at byte 12, in 'a'`],
    ['no value', '{"a":', `it ends too early: at byte 5, in 'a'`],
    ['a comment', '{/**/}', "byte 1: '/' where a name in quotes or '}' is expected"],
  ])('%s', (_, text, reason) => {
    expect(failure(() => read(text))).toBe(reason)
  })

  it('UTF-16', () => {
    const text = Buffer.from('\ufeff{"snapshot":1}', 'utf16le')
    expect(failure(() => readHeapSnapshot(text, 'test'))).toBe('byte 0: it is UTF-16 text, not UTF-8')
    expect(failure(() => readHeapSnapshot(text.subarray(2), 'test'))).toContain('byte 0x00 where')
  })

  it('what has no bounds', () => {
    expect(failure(() => read(`{"a":${'['.repeat(DEPTH_MAX + 1)}`))).toContain(`more than ${DEPTH_MAX} brackets`)
    expect(failure(() => read(`{"${'a'.repeat(5000)}":1}`))).toContain('a name is longer than 1024 bytes')
    expect(failure(() => read(`{"a":${'1'.repeat(5000)}}`))).toContain('a number without end')
    expect(failure(() => read(`{"snapshot":"${'a'.repeat(TEXT_MAX_BYTES)}"}`))).toContain('the section is longer than')
  })

  it('every beginning of a snapshot is cut short', () => {
    const text = JSON.stringify(snapshotDocument(SMALL))
    for (let length = 1; length < text.length; length++) {
      expect(failure(() => read(text.slice(0, length)))).toMatch(/^it ends too early: at byte /)
    }
  })

  it('a snapshot with any one byte changed is read or refused', () => {
    const bytes = encoder.encode(JSON.stringify(snapshotDocument(SMALL)))
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const changed = bytes.slice()
        changed[at] = byte
        const reason = failure(() => readHeapSnapshot(changed, 'test'))
        const parses = canParse(new TextDecoder().decode(changed))
        if (!parses) expect(reason).not.toBe('no error')
      }),
      { numRuns: 2000 },
    )
  })

  it('arbitrary bytes are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(failure(() => readHeapSnapshot(bytes, 'test'))).not.toBe('no error')
      }),
    )
  })
})

function canParse(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

it('a snapshot is named after its file', () => {
  expect(snapshotName('a/b/typescript.heapsnapshot.gz')).toBe('typescript')
  expect(snapshotName('mine.heapsnapshot')).toBe('mine')
  expect(snapshotName('.heapsnapshot')).toBe('.heapsnapshot')
})
