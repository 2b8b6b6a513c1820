/**
 * Goal: sizes mean exactly what they say, and nothing ambiguous is taken for a size.
 * Method: tables of texts with their values; every refusal is an ArgumentError that names the argument.
 * A failure means: a limit that somebody set is not the limit they get.
 */
import { describe, expect, it } from 'vitest'
import { ArgumentError, formatBytes, parseSize } from '../src/index.js'

describe('parseSize', () => {
  it('reads numbers, and texts with one unit', () => {
    const table: [number | string, number][] = [
      [0, 0],
      [-0, 0],
      [512, 512],
      [2 ** 53 - 1, 2 ** 53 - 1],
      ['0', 0],
      ['512', 512],
      ['512B', 512],
      ['10kB', 10_000],
      ['10KB', 10_000],
      ['10KiB', 10_240],
      ['64MiB', 64 * 2 ** 20],
      ['64 MiB', 64 * 2 ** 20],
      ['1.5KiB', 1536],
      ['0.5GiB', 2 ** 29],
      ['3GB', 3e9],
      ['4GiB', 2 ** 32],
    ]
    for (const [text, bytes] of table) expect(parseSize(text), String(text)).toBe(bytes)
  })

  it('refuses everything else', () => {
    const wrong: unknown[] = [
      ...['', ' ', 'MiB', '64M', '64m', '64mib', '64MIB', '64k', '64 K', '64  MiB', ' 64', '64 ', '+64', '-64', '1e6'],
      ...['1,5KiB', '.5KiB', '5.KiB', '0x10', '1.3B', '64MiB5', '64MiBs', '99999999999GiB', 'constructor', '1toS'],
      ...[-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, undefined, null, 5n, true, {}, []],
    ]
    for (const size of wrong) {
      let error: unknown
      try {
        parseSize(size as string, 'limit')
      } catch (thrown) {
        error = thrown
      }
      expect(error, String(size)).toBeInstanceOf(ArgumentError)
      expect(error).toMatchObject({ code: 'HW_ARGUMENT', argument: 'limit', value: size })
    }
  })
})

describe('a size that is a fraction of a byte', () => {
  it.each([['63.9MiB'], ['1.3B'], [1.5]])('%s is said to be one', (size) => {
    expect(() => parseSize(size, 'limit')).toThrow(/^`limit` must be a whole number of bytes, not \d+\.\d+; got /)
  })

  it.each([['64M'], [Number.NaN], [-1.5], ['99999999999GiB']])('%s is not said to be one', (size) => {
    expect(() => parseSize(size)).toThrow(/^`size` must be a number of bytes or text such as/)
  })
})

describe('formatBytes', () => {
  it('is exact below 1 KiB and has two decimals at most above', () => {
    const table: [number, string][] = [
      [0, '0 B'],
      [1023, '1023 B'],
      [1024, '1 KiB'],
      [1536, '1.5 KiB'],
      [2 ** 20, '1 MiB'],
      [2 ** 20 + 2 ** 14, '1.02 MiB'],
      [2 ** 32 - 65536, '4 GiB'],
      [-2048, '-2 KiB'],
    ]
    for (const [bytes, text] of table) expect(formatBytes(bytes)).toBe(text)
  })
})
