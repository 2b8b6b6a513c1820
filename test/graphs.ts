/** The recorded graphs and what a separate program counted in them (graphs/README.md). */

import { fileURLToPath } from 'node:url'
import { readInput } from '../src/cli/io.js'
import { type HeapSnapshot, HeapSnapshotReader } from '../src/formats/heapsnapshot.js'

export interface GraphCounts {
  readonly name: string
  readonly nodes: number
  readonly edges: number
}

export const GRAPHS: readonly GraphCounts[] = [
  { name: 'node-startup', nodes: 39_021, edges: 177_257 },
  { name: 'typescript', nodes: 319_695, edges: 1_491_295 },
]

export function graphPath(name: string): string {
  return fileURLToPath(new URL(`../graphs/${name}.heapsnapshot.gz`, import.meta.url))
}

export async function readGraph(path: string): Promise<HeapSnapshot> {
  const reader = new HeapSnapshotReader(path)
  for await (const chunk of readInput(path)) reader.push(chunk)
  return reader.finish()
}

export const NODE_TYPES = ['hidden', 'array', 'string', 'object', 'synthetic']
export const EDGE_TYPES = ['context', 'element', 'property', 'internal', 'hidden', 'shortcut', 'weak']

export interface SmallNode {
  readonly type?: string
  readonly name?: string
  readonly size?: number
  /** Targets of strong edges, and of weak ones with a minus sign and 1 added: -1 is a weak edge to node 0. */
  readonly edges?: readonly number[]
}

/** A snapshot as `JSON.parse` gives it, of the fewest fields: five a node. */
export function snapshotDocument(nodes: readonly SmallNode[]) {
  const strings = [...new Set(['', ...nodes.map(({ name }) => name ?? '')])]
  const edges = nodes.flatMap((node) => node.edges ?? [])
  return {
    snapshot: {
      meta: {
        node_fields: ['type', 'name', 'id', 'self_size', 'edge_count'],
        node_types: [NODE_TYPES, 'string', 'number', 'number', 'number'] as unknown[],
        edge_fields: ['type', 'name_or_index', 'to_node'],
        edge_types: [EDGE_TYPES, 'string_or_number', 'node'] as unknown[],
      },
      node_count: nodes.length as unknown,
      edge_count: edges.length as unknown,
    },
    nodes: nodes.flatMap(({ type = 'object', name = '', size = 0, edges = [] }, i) => [
      NODE_TYPES.indexOf(type),
      strings.indexOf(name),
      i * 2 + 1,
      size,
      edges.length,
    ]) as unknown,
    edges: edges.flatMap((edge, i) =>
      edge < 0 ? [EDGE_TYPES.indexOf('weak'), 0, (-edge - 1) * 5] : [EDGE_TYPES.indexOf('element'), i, edge * 5],
    ) as unknown,
    strings: strings as unknown,
  }
}
