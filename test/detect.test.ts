/**
 * Goal: the machine's memory is read as it is, and what cannot be read is unknown, never wrong.
 * Method: recorded sets of files as the kernel writes them, with the figures written down beside them; then damage.
 * A failure means that `mode: 'auto'` makes heaps that are too large for a container, or far too small for a machine.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseGroupPath } from '../src/platform/cgroup.js'
import { detectMachine } from '../src/platform/detect.js'
import { parseCount, parseMeminfo, parsePressure } from '../src/platform/meminfo.js'
import { thisSystem } from '../src/platform/system.js'
import { BOUND, CALM, CONTAINER, HYBRID, MEMINFO, PRESSED, SERVICE, systemOf } from './support/machines.js'

const GIB = 2 ** 30
const TOTAL = { bytes: 24_683_656 * 1024, source: '/proc/meminfo, MemTotal' }
const AVAILABLE = { bytes: 24_386_628 * 1024, source: '/proc/meminfo, MemAvailable' }

describe('Linux', () => {
  it('a service: the least limit is that of the slice above it', () => {
    const high = '/sys/fs/cgroup/app.slice/memory.high'
    const machine = detectMachine(systemOf(SERVICE))
    expect(machine).toMatchObject({
      total: TOTAL,
      available: AVAILABLE,
      limit: { bytes: 3 * GIB, source: high },
      // 2 GiB are used, half a GiB of them by cached files that nobody uses.
      left: { bytes: 1.5 * GIB, source: `${high}, less what the group uses` },
    })
    expect(machine.pressure).toEqual({
      some: { avg10Percent: 0, avg60Percent: 0.12, avg300Percent: 0.05, totalMs: 1234.567 },
      full: { avg10Percent: 0, avg60Percent: 0.04, avg300Percent: 0.01, totalMs: 234 },
      source: '/sys/fs/cgroup/app.slice/web.service/memory.pressure',
    })
  })

  it('a container in a namespace of its own', () => {
    expect(detectMachine(systemOf(CONTAINER))).toMatchObject({
      total: TOTAL,
      limit: { bytes: 2 ** 29, source: '/sys/fs/cgroup/memory.max' },
      left: { bytes: 2 ** 29 - 100_000_000 },
      pressure: { some: { avg10Percent: 37.4 }, source: '/sys/fs/cgroup/memory.pressure' },
    })
  })

  it('a container that sees the path of its host', () => {
    const inner = '/mnt/control groups/inner group/memory.max'
    expect(detectMachine(systemOf(BOUND)).limit).toEqual({ bytes: 2 ** 27, source: inner })
    // Outside of what is mounted, with a path or with a namespace's way up: the mount is all that is known.
    for (const path of ['/elsewhere', '/docker/abcdef', '/../other', '/docker/abc/../x']) {
      const machine = detectMachine(systemOf({ ...BOUND, '/proc/self/cgroup': `0::${path}\n` }))
      expect(machine.limit, path).toEqual({ bytes: 2 ** 28, source: '/mnt/control groups/memory.max' })
    }
  })

  it('version 1 beside a version 2 that has no memory controller', () => {
    const source = '/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes'
    expect(detectMachine(systemOf(HYBRID))).toMatchObject({
      limit: { bytes: 300_000_000, source },
      left: { bytes: 150_000_000, source: `${source}, less what the group uses` },
      pressure: { some: { avg60Percent: 0.12 }, source: '/proc/pressure/memory' },
    })
  })

  it('a machine without control groups, or with a group without limits', () => {
    const bare = detectMachine(systemOf({ '/proc/meminfo': MEMINFO, '/proc/pressure/memory': PRESSED }))
    expect(bare).toMatchObject({ total: TOTAL, available: AVAILABLE, pressure: { source: '/proc/pressure/memory' } })
    expect([bare.limit, bare.left]).toEqual([undefined, undefined])
    const free = detectMachine(systemOf({ ...CONTAINER, '/sys/fs/cgroup/memory.max': 'max\n' }))
    expect([free.limit, free.left]).toEqual([undefined, undefined])
    expect(free.pressure?.source).toBe('/sys/fs/cgroup/memory.pressure')
  })

  it('the usual mount where mountinfo cannot be read', () => {
    const { '/proc/self/mountinfo': _, ...files } = SERVICE
    expect(detectMachine(systemOf(files)).limit?.bytes).toBe(3 * GIB)
  })

  it('a group that uses more than its limit has nothing left', () => {
    const used = { ...CONTAINER, '/sys/fs/cgroup/memory.current': `${GIB}\n`, '/sys/fs/cgroup/memory.stat': '' }
    expect(detectMachine(systemOf(used)).left?.bytes).toBe(0)
  })

  it('the limit that the runtime knows, where the files do not tell', () => {
    const files = { '/proc/meminfo': MEMINFO }
    const source = 'process.constrainedMemory()'
    expect(detectMachine(systemOf(files, { [source]: GIB })).limit).toEqual({ bytes: GIB, source })
    expect(detectMachine(systemOf(files, { [source]: TOTAL.bytes })).limit).toBeUndefined()
  })
})

describe('elsewhere', () => {
  const figures = { 'os.totalmem()': 16 * GIB, 'os.freemem()': GIB }

  it('Node on Windows tells what is free, on macOS only what there is', () => {
    expect(detectMachine(systemOf({}, figures, 'win32'))).toEqual({
      total: { bytes: 16 * GIB, source: 'os.totalmem()' },
      available: { bytes: GIB, source: 'os.freemem()' },
    })
    expect(detectMachine(systemOf({}, figures, 'darwin'))).toEqual({
      total: { bytes: 16 * GIB, source: 'os.totalmem()' },
    })
    const newer = { ...figures, 'process.availableMemory()': 2 * GIB }
    expect(detectMachine(systemOf({}, newer, 'win32')).available?.bytes).toBe(2 * GIB)
  })

  it('a browser tells little or nothing', () => {
    const browser = thisSystem({ navigator: { deviceMemory: 8 } })
    expect(browser.platform).toBe('browser')
    expect(detectMachine(browser)).toEqual({ total: { bytes: 8 * GIB, source: 'navigator.deviceMemory' } })
    expect(detectMachine(thisSystem({}))).toEqual({})
  })

  it('files that must not be read, and modules that are not there', () => {
    const refusing = {
      platform: 'linux',
      getBuiltinModule: (name: string) => {
        if (name === 'node:os') throw new Error('not permitted')
        return {
          readFileSync: () => {
            throw new Error('not permitted')
          },
        }
      },
      constrainedMemory: () => 2 ** 64,
      availableMemory: () => 0,
    }
    expect(detectMachine(thisSystem({ process: refusing }))).toEqual({})
    expect(detectMachine(thisSystem({ process: { platform: 'linux' } }))).toEqual({})
  })

  it('this machine has figures that fit together', () => {
    const { total, available, limit, left } = detectMachine()
    // Before Node 20.16 nobody tells.
    if ('getBuiltinModule' in process) expect(total?.bytes).toBeGreaterThan(0)
    if (available) expect(available.bytes).toBeLessThanOrEqual(total?.bytes as number)
    if (left) expect(left.bytes).toBeLessThanOrEqual(limit?.bytes as number)
  })
})

describe('damage', () => {
  it('is no figure', () => {
    for (const text of [undefined, '', 'max', '-1', '1.5', '0x10', '1 2', '9'.repeat(20), 'NaN', '1e9'])
      expect(parseCount(text), text).toBeUndefined()
    expect(parseCount(' 17\n')).toBe(17)
    for (const text of [undefined, '', 'MemTotal: 5', 'MemTotal: x kB', 'MemTotalX: 5 kB', 'MemTotal:\n5 kB'])
      expect(parseMeminfo(text, 'MemTotal'), text).toBeUndefined()
    for (const text of [
      '',
      'some',
      'full avg10=0.00 avg60=0.00 avg300=0.00 total=0',
      PRESSED.replace('37.40', '837.40'),
    ])
      expect(parsePressure(text), text).toBeUndefined()
    expect(parsePressure(CALM.split('\n')[0])).toMatchObject({ full: undefined })
    for (const text of [undefined, '', '0::', '0::relative', ':::', '1:name=systemd:/x'])
      expect(parseGroupPath(text, 2), text).toBeUndefined()
  })

  it('of one file leaves the others', () => {
    for (const path of Object.keys(SERVICE)) {
      const machine = detectMachine(systemOf({ ...SERVICE, [path]: '\u0000garbage: 17 of them\n'.repeat(3) }))
      if (path !== '/proc/meminfo') expect(machine.total, path).toEqual(TOTAL)
      else expect(machine.limit?.bytes).toBe(3 * GIB)
    }
  })

  it('of any kind gives whole numbers or nothing', () => {
    const words = fc.stringMatching(/^[0-9a-z:/.=, -]{0,40}$/)
    const texts = fc.oneof(fc.string(), words, ...[MEMINFO, PRESSED, '0::/a/b\n', '5\n', 'max\n'].map(fc.constant))
    const paths = [...Object.keys(SERVICE), ...Object.keys(HYBRID)]
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...paths), texts), (files) => {
        const { total, available, limit, left, pressure } = detectMachine(systemOf(files))
        for (const figure of [total, available, limit, left]) {
          if (figure) expect(Number.isSafeInteger(figure.bytes) && figure.bytes >= 0).toBe(true)
        }
        if (pressure) expect(pressure.some.avg10Percent).toBeLessThanOrEqual(100)
      }),
    )
  })

  it('a path that never ends is followed a bounded way', () => {
    let reads = 0
    const read = (path: string) => {
      reads++
      return path === '/proc/self/cgroup' ? `0::${'/a'.repeat(100_000)}` : '5'
    }
    detectMachine({ platform: 'linux', read, figures: {} })
    expect(reads).toBeLessThan(500)
  })
})
