/**
 * Goal: `heapwright replay` as its users meet it: arguments, output, exit codes, bad files. Method: the built program
 * in a process of its own. A failure means that scripts around the tool break, or that a bad file is not named.
 */

import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AUTO_MODES, Heap } from '../src/index.js'
import { MODES, OPTIONS } from '../src/modes.js'
import { tracePath } from './traces.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const MAIN = join(root, 'dist/src/cli/main.js')
const TREE = tracePath('tree') as string
const SMALL = '= Start\n@ a:[0x1] + 0x10 0x20\n@ a:[0x1] + 0x20 0x40\n@ a:[0x1] - 0x10\n'

let directory = ''
const at = (name: string) => join(directory, name)

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> {
  const { FORCE_COLOR: _, NO_COLOR: __, ...clean } = process.env
  return spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    env: { ...clean, ...env },
    maxBuffer: 2 ** 26,
  })
}

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: run "npm run build" first`)
  directory = mkdtempSync(join(tmpdir(), 'heapwright-cli-'))
  const packed = gzipSync(SMALL)
  writeFileSync(at('small.mtrace'), SMALL)
  writeFileSync(at('small.mtrace.gz'), packed)
  writeFileSync(at('two.mtrace.gz'), Buffer.concat([packed, gzipSync('- 0x20\n')]))
  writeFileSync(at('empty'), '')
  writeFileSync(at('empty.gz'), gzipSync(''))
  writeFileSync(at('cut.gz'), readFileSync(TREE).subarray(0, 5000))
  writeFileSync(at('damaged.gz'), Buffer.concat([packed.subarray(0, 10), Buffer.alloc(40, 0xff)]))
  writeFileSync(at('text.txt'), 'Dear reader,\n- one\n- two\n')
  writeFileSync(at('malformed.mtrace'), `${SMALL}@ x + 0x10 zz\n`)
  mkdirSync(at('folder'))
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('usage', () => {
  it('--help and --version print to standard output and exit with 0', () => {
    const version: string = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version
    expect(run(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' })
    expect(run(['--help'])).toMatchObject({ status: 0, stderr: '' })
    expect(run(['--help']).stdout).toContain('replay')
    const help = run(['replay', '--help'])
    expect(help).toMatchObject({ status: 0, stderr: '' })
    for (const option of ['--mode', '--limit', '--json', '--report', '--verify', '--size-classes']) {
      expect(help.stdout).toContain(option)
    }
  })

  it.each([
    ['no command', []],
    ['an unknown command', ['replya', TREE]],
    ['no file', ['replay']],
    ['an unknown option', ['replay', '--frob', TREE]],
    ['an unknown mode', ['replay', '--mode', 'turbo', TREE]],
    ['no mode', ['replay', TREE, '--mode']],
    ['a limit that is no size', ['replay', '--limit', 'lots', TREE]],
    ['a negative limit', ['replay', '--limit', '-5', TREE]],
    ['a limit beyond memory', ['replay', '--limit', '5GiB', TREE]],
    ['a limit too small for a heap', ['replay', '--limit', '1', TREE]],
    ['standard input twice', ['replay', '-', '-']],
  ])('%s is wrong usage: exit code 2, nothing on standard output', (_, args) => {
    const { status, stdout, stderr } = run(args)
    expect(stdout).toBe('')
    expect(stderr).toMatch(args.length === 0 ? /^Usage: heapwright / : /^heapwright: /)
    expect(stderr).not.toMatch(/\n\s+at /)
    expect(status).toBe(2)
  })
})

describe('--json', () => {
  it('prints one document with exactly the promised fields, and nothing else', () => {
    const { status, stdout, stderr } = run([
      'replay',
      '--json',
      '--mode',
      'all',
      at('small.mtrace.gz'),
      at('small.mtrace'),
    ])
    expect(stderr).toBe('')
    expect(status).toBe(0)
    const document = JSON.parse(stdout)
    expect(Object.keys(document)).toEqual(['version', 'results'])
    expect(document.version).toBe(1)
    const modes = Object.keys(MODES)
    expect(document.results.map((row: { mode: string }) => row.mode)).toEqual([...modes, ...modes])
    for (const row of document.results) {
      expect(Object.keys(row)).toEqual(
        'trace mode events allocs frees reallocs skipped failed seconds nsPerEvent livePeakBytes livePeakBlocks committedPeakBytes fragmentationAtPeak collections pauses endLiveBlocks endLiveBytes verified'.split(
          ' ',
        ),
      )
      expect(Object.keys(row.pauses)).toEqual(['count', 'p50Ms', 'p99Ms', 'maxMs'])
      expect(row).toMatchObject({ events: 3, allocs: 2, frees: 1, reallocs: 0, skipped: 1, failed: 0, verified: true })
      expect(row).toMatchObject({ livePeakBytes: 0x60, livePeakBlocks: 2, endLiveBlocks: 1, endLiveBytes: 0x40 })
    }
  })

  it('holds the results of the good files when others fail', () => {
    const files = [at('cut.gz'), at('small.mtrace'), at('nowhere')]
    const { status, stdout, stderr } = run(['replay', '--json', ...files])
    expect(status).toBe(1)
    expect(JSON.parse(stdout).results.map((row: { trace: string }) => row.trace)).toEqual([at('small.mtrace')])
    expect(stderr).toContain(`${at('cut.gz')}: the gzip data ends too early`)
    expect(stderr).toContain(`${at('nowhere')}: there is no such file or directory`)
  })

  it('adds the size classes on request', () => {
    const { stdout } = run(['replay', '--json', '--size-classes', at('small.mtrace')])
    expect(JSON.parse(stdout).results[0].sizeClasses.length).toBeGreaterThan(10)
  })

  it('has verified: false with --no-verify', () => {
    expect(JSON.parse(run(['replay', '--json', '--no-verify', at('small.mtrace')]).stdout).results[0].verified).toBe(
      false,
    )
  })
})

describe('the table', () => {
  it('has a row for each file and mode, without colours and progress in a pipe', () => {
    const { status, stdout, stderr } = run(['replay', '--mode', 'all', TREE, at('small.mtrace')])
    expect(status).toBe(0)
    expect(stderr).toBe('')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what must not be there
    expect(stdout).not.toMatch(/\u001b/)
    expect(stdout).toMatch(/tree +manual +41,512 .* 320\.92 KiB .* passed/)
    expect(stdout).toMatch(/tree +compiler +41,512 .* passed/)
    expect(stdout).toMatch(/small +manual +3 .* passed/)
    expect(stdout).toMatch(/tree +vm +41,512 .* \d+: [\d.]+ \/ [\d.]+ \/ [\d.]+ ms .* passed/)
    expect(stdout).toMatch(/tree +embedded +41,512 .* \d+: [\d.]+ \/ [\d.]+ \/ [\d.]+ ms .* passed/)
    expect(stdout).toContain('collections: how many, and their pauses')
    expect(run(['replay', TREE]).stdout).not.toContain('collections')
    expect(stdout).toContain('compiler: these programs were recorded with malloc and free and never reset the heap')
  })

  it('shows the bytes that the ratio is of, and what was skipped', () => {
    const { stdout } = run(['replay', TREE])
    const [, live, committed, ratio] =
      /([\d.]+) KiB +([\d.]+) KiB +([\d.]+) +[\d.]+ KiB .* 1 +passed/.exec(stdout) ?? []
    expect(Number(committed) / Number(live)).toBeCloseTo(Number(ratio), 2)
    expect(stdout).toMatch(/^.* skipped +checks$/m)
    expect(stdout).not.toContain('compiler')
    writeFileSync(at('bare.mtrace'), SMALL.slice(SMALL.indexOf('@')))
    expect(run(['replay', at('bare.mtrace')]).stdout).not.toContain('skipped')
  })

  it('has colours where they are forced, and none with NO_COLOR', () => {
    expect(run(['replay', at('small.mtrace')], { FORCE_COLOR: '1' }).stdout).toContain('\u001b[32mpassed')
    expect(run(['replay', at('small.mtrace')], { FORCE_COLOR: '1', NO_COLOR: '1' }).stdout).not.toContain('\u001b')
    expect(run(['replay', at('small.mtrace')], { CI: '1' }).stdout).not.toContain('\u001b')
  })

  it('prints the size classes on request', () => {
    const { stdout } = run(['replay', '--size-classes', TREE])
    expect(stdout).toContain('Size classes at the live peak of tree (manual)')
    expect(stdout).toMatch(/^ *32 B +\d+ /m)
    expect(run(['replay', '--size-classes', '--mode', 'compiler', TREE]).stdout).toContain(
      'No block came from a size class.',
    )
  })

  it('says what ran out of memory under a limit, which is no failure of the work', () => {
    const { status, stdout } = run(['replay', '--json', '--limit', '512KiB', tracePath('sqlite') as string])
    expect(status).toBe(0)
    const [row] = JSON.parse(stdout).results
    expect(row.failed).toBeGreaterThan(0)
    expect(row.committedPeakBytes).toBeLessThanOrEqual(512 * 1024)
    expect(row.verified).toBe(true)
  })
})

describe('a trace that is too large for mode embedded', () => {
  const LARGE = '+ 0x10 0x3800000\n- 0x10\n'
  const reason = "(embedded): too large for mode 'embedded': 56 MiB live at the peak want a buffer of "

  it('is left out with a note when all modes are replayed', () => {
    writeFileSync(at('large.mtrace'), LARGE)
    const { status, stdout, stderr } = run(['replay', '--json', '--mode', 'all', at('large.mtrace')])
    expect(status).toBe(0)
    expect(JSON.parse(stdout).results.map((row: { mode: string }) => row.mode)).toEqual([
      'manual',
      'compiler',
      'runtime',
      'vm',
      'server',
    ])
    expect(stderr).toContain(`left out: ${at('large.mtrace')} ${reason}`)
  })

  it('fails when that mode was asked for, and is counted out under a limit', () => {
    writeFileSync(at('large.mtrace'), LARGE)
    const asked = run(['replay', '--json', '--mode', 'embedded', at('large.mtrace'), at('small.mtrace')])
    expect(asked.status).toBe(1)
    expect(asked.stderr).toContain(`heapwright: ${at('large.mtrace')} ${reason}`)
    expect(JSON.parse(asked.stdout).results).toHaveLength(1)
    const limited = run(['replay', '--json', '--mode', 'embedded', '--limit', '1MiB', at('large.mtrace')])
    expect(limited).toMatchObject({ status: 0, stderr: '' })
    expect(JSON.parse(limited.stdout).results[0]).toMatchObject({ failed: 1, committedPeakBytes: 2 ** 20 })
  })

  it('takes what it can of a limit for all modes, and no more than it can when alone', () => {
    const all = run(['replay', '--json', '--mode', 'all', '--limit', '256MiB', at('small.mtrace')])
    expect(all).toMatchObject({ status: 0, stderr: '' })
    expect(JSON.parse(all.stdout).results).toHaveLength(6)
    expect(run(['replay', '--mode', 'embedded', '--limit', '256MiB', at('small.mtrace')]).status).toBe(2)
  })
})

describe('files', () => {
  it('may be of several gzip members', () => {
    expect(JSON.parse(run(['replay', '--json', at('two.mtrace.gz')]).stdout).results[0]).toMatchObject({ frees: 2 })
  })

  it.skipIf(process.platform === 'win32')('may be a pipe', () => {
    const script = `exec "${process.execPath}" "${MAIN}" replay --json <(printf '@'; sleep 0.2; printf ' a:[0x1] + 0x10 0x20\\n')`
    const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(JSON.parse(stdout).results[0]).toMatchObject({ allocs: 1 })
  })

  it('may be standard input', () => {
    const inputs = [SMALL, readFileSync(at('small.mtrace.gz'))]
    for (const input of inputs) {
      const { status, stdout } = spawnSync(process.execPath, [MAIN, 'replay', '--json', '-'], {
        input,
        encoding: 'utf8',
      })
      expect(status).toBe(0)
      expect(JSON.parse(stdout).results).toMatchObject([{ trace: 'standard input', allocs: 2, frees: 1 }])
    }
    const empty = spawnSync(process.execPath, [MAIN, 'replay', '-'], { input: '', encoding: 'utf8' })
    expect(empty).toMatchObject({ status: 1, stdout: '', stderr: 'heapwright: standard input: it is empty\n' })
  })

  it.each([
    ['nowhere', 'there is no such file or directory'],
    ['folder', 'it is a directory, not a file'],
    ['empty', 'the file is empty'],
    ['empty.gz', 'no mtrace'],
    ['cut.gz', 'the gzip data ends too early: the file is cut short'],
    ['damaged.gz', 'the gzip data is damaged'],
    ['text.txt', 'no mtrace'],
    ['malformed.mtrace', 'malformed event line: @ x + 0x10 zz'],
  ])('%s: exit code 1 and the reason', (name, reason) => {
    const { status, stdout, stderr } = run(['replay', at(name)])
    expect(stdout).toBe('')
    expect(stderr).toContain(`heapwright: ${at(name)}`)
    expect(stderr).toContain(reason)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(status).toBe(1)
  })

  it('names the line of a malformed event', () => {
    expect(run(['replay', at('malformed.mtrace')]).stderr).toContain(`${at('malformed.mtrace')}:5: malformed`)
  })
})

describe('modes', () => {
  it('prints every mode and every option', () => {
    const { status, stdout, stderr } = run(['modes'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    for (const mode of Object.values(MODES)) expect(stdout).toContain(`${mode.name}: ${mode.summary}`)
    for (const option of OPTIONS) expect(stdout).toMatch(new RegExp(`^${option.name} `, 'm'))
    expect(stdout).toMatch(/^compiler +bump +bulk +none +none$/m)
    expect(stdout).toMatch(/^manual +segregated +each +counted +none$/m)
    // What a mode does not have.
    expect(stdout).toMatch(/^sizeClasses +geometric +– +geometric +geometric +geometric +–$/m)
  })

  it('prints the same as one document', () => {
    const { stdout, stderr } = run(['modes', '--json'])
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({ version: 1, modes: Object.values(MODES), options: OPTIONS })
  })
})

describe('modes --auto', () => {
  it('prints the figures with their sources, the choice and the reasons', () => {
    const { status, stdout, stderr } = run(['modes', '--auto'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    for (const figure of ['total', 'available', 'limit', 'left', 'pressure'])
      expect(stdout).toMatch(new RegExp(`^${figure} +\\S.* {2}\\S`, 'm'))
    expect(stdout).toMatch(new RegExp(`^mode (?:${AUTO_MODES.join('|')})$`, 'm'))
    expect(stdout).toMatch(/^limit \d.* bytes\)$/m)
    for (const reason of ['memory', 'available', 'mode', 'limit'])
      expect(stdout).toMatch(new RegExp(`^- ${reason}`, 'm'))
  })

  it('prints the same as one document, of which a heap can be made', () => {
    for (const latency of [false, true]) {
      const { status, stdout, stderr } = run(['modes', '--auto', '--json', ...(latency ? ['--latency'] : [])])
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      const { choice, machine, ...rest } = JSON.parse(stdout)
      expect(rest).toEqual({ version: 1, wishes: latency ? { latency } : {} })
      // Before Node 20.16 nobody tells.
      const isTold = 'getBuiltinModule' in process
      if (isTold) expect(machine.total).toEqual({ bytes: expect.any(Number), source: expect.any(String) })
      const heap = Heap.create({ mode: choice.mode, ...choice.options })
      expect([heap.mode, heap.limitBytes]).toEqual([choice.mode, choice.options.limit])
      const wish = choice.reasons.some((reason: string) => reason.includes('short pauses'))
      // On a machine of less than a MiB the wish would not count.
      expect(wish).toBe(latency)
    }
  })

  it('has colours only where they are wanted', () => {
    const colour = String.fromCharCode(27)
    expect(run(['modes', '--auto'], { FORCE_COLOR: '1' }).stdout).toContain(colour)
    expect(run(['modes', '--auto'], { FORCE_COLOR: '1', NO_COLOR: '1' }).stdout).not.toContain(colour)
    expect(run(['modes', '--auto']).stdout).not.toContain(colour)
  })

  it('is explained by --help; --latency alone is wrong usage', () => {
    const { status, stdout } = run(['modes', '--help'])
    expect(status).toBe(0)
    for (const word of ['--auto', '--latency', 'memory.max']) expect(stdout).toContain(word)
    const refused = run(['modes', '--latency'])
    expect(refused).toMatchObject({ status: 2, stdout: '' })
    expect(refused.stderr).toMatch(/^heapwright: option '--latency' goes with '--auto'/)
  })
})

describe('--report', () => {
  it('writes one file below 1 MB for the bundled traces and says where', () => {
    const file = at('report.html')
    const traces = ['tree', 'sqlite', 'git-log', 'gcc-cc1'].map((name) => tracePath(name) as string)
    const { status, stdout, stderr } = run(['replay', '--mode', 'all', '--report', file, ...traces])
    expect(stderr).toMatch(/^left out: .*git-log.* \(embedded\): too large .*\n$/)
    expect(status).toBe(0)
    expect(stdout).toContain(`Report: ${file}`)
    const document = readFileSync(file, 'utf8')
    expect(Buffer.byteLength(document)).toBeLessThan(1e6)
    expect(document.match(/<canvas/g)).toHaveLength(23)
    expect(document).toContain('too large for mode &#39;embedded&#39;')
  }, 120_000)

  it('with --json keeps standard output to the document', () => {
    const { stdout, stderr } = run(['replay', '--json', '--report', at('json.html'), at('small.mtrace')])
    expect(JSON.parse(stdout).results).toHaveLength(1)
    expect(stderr).toContain(`Report: ${at('json.html')}`)
  })

  it.each([
    ['in no directory', 'nowhere/report.html', /nowhere\/report\.html: the directory .*nowhere does not exist/],
    ['behind a file', 'small.mtrace/report.html', /the directory .* does not exist/],
    ['a directory', 'folder', /folder: it is a directory, not a file/],
  ])('%s is refused before any work', (_, file, reason) => {
    const { status, stdout, stderr } = run(['replay', '--report', at(file), at('small.mtrace')])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^heapwright: option '--report <file>': /)
    expect(stderr).toMatch(reason)
  })

  it.skipIf(process.platform === 'win32' || process.getuid?.() === 0)('in a directory that is not writable too', () => {
    mkdirSync(at('locked'), { mode: 0o500 })
    const { status, stdout, stderr } = run(['replay', '--report', at('locked/report.html'), at('small.mtrace')])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/the directory .*locked is not writable/)
  })

  it('never overwrites an input, by whatever name', () => {
    writeFileSync(at('precious.mtrace'), SMALL)
    linkSync(at('precious.mtrace'), at('hard.html'))
    const names = ['precious.mtrace', 'folder/../precious.mtrace', 'hard.html']
    if (process.platform !== 'win32') {
      symlinkSync(at('precious.mtrace'), at('soft.html'))
      names.push('soft.html')
    }
    for (const name of names) {
      const report = `${directory}/${name}`
      const { status, stdout, stderr } = run(['replay', at('small.mtrace'), at('precious.mtrace'), '--report', report])
      expect({ status, stdout }, name).toEqual({ status: 2, stdout: '' })
      expect(stderr).toContain('it is one of the input files')
    }
    expect(readFileSync(at('precious.mtrace'), 'utf8')).toBe(SMALL)
  })

  it.skipIf(!existsSync('/dev/full'))('that fails after all is said, and is no success', () => {
    const { status, stdout, stderr } = run(['replay', '--report', '/dev/full', at('small.mtrace')])
    expect(status).toBe(1)
    expect(stdout).toContain('passed')
    expect(stderr).toBe('heapwright: /dev/full: no space is left on the device\n')
  })
})

describe('a full disk', () => {
  it.skipIf(!existsSync('/dev/full')).each([
    ['the table', []],
    ['the document', ['--json']],
  ])('under %s is one line on standard error and exit code 1', (_, flags) => {
    const full = openSync('/dev/full', 'w')
    const { status, stderr } = spawnSync(process.execPath, [MAIN, 'replay', ...flags, at('small.mtrace')], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    })
    closeSync(full)
    expect(stderr).toBe('heapwright: standard output: no space is left on the device\n')
    expect(status).toBe(1)
  })
})

describe('a closed pipe', () => {
  it('ends the process without noise', async () => {
    const child = spawn(process.execPath, [MAIN, 'replay', '--json', at('small.mtrace')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.destroy()
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    await new Promise((resolve) => child.on('close', resolve))
    expect(stderr).toBe('')
    expect(gunzipSync(readFileSync(at('small.mtrace.gz'))).toString()).toBe(SMALL)
  })
})
