/**
 * Goal: the tables of reports have their columns in line, however many rows there are.
 * Method: a few rows written down; more rows than a call may have arguments.
 * A failure means: a report that cannot be read, or that fails when a heap has very many types.
 */
import { describe, expect, it } from 'vitest'
import { alignColumns } from '../src/text-table.js'

describe('alignColumns', () => {
  it('puts text to the left and numbers to the right', () => {
    const rows = [
      ['type', 'live'],
      ['Node', '12345'],
      ['A', '1'],
    ]
    expect(alignColumns(rows, 1)).toBe('type   live\nNode  12345\nA         1')
    expect(alignColumns([])).toBe('')
  })

  it('takes more rows than a call takes arguments', () => {
    const text = alignColumns(Array.from({ length: 200_000 }, (_, i) => [String(i)]))
    expect(text.split('\n').at(-1)).toBe('199999')
  })
})
