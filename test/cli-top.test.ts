/**
 * Goal: `heapwright top` as its users meet it: what it prints, in which form and where, how it ends, and what it does to
 * a program that it starts. Method: the built command in a process of its own, against heaps served here and scripts
 * written for the purpose. A failure means that scripts around the command break, that it shows other figures than the
 * heap's, or that a program runs differently under it.
 */
import { type SpawnOptions, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { formatBytes, Heap, i32, struct } from '../src/index.js'
import type { LiveState } from '../src/page/live-data.js'

const MAIN = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url))
const BUILT = pathToFileURL(fileURLToPath(new URL('../dist/src/index.js', import.meta.url))).href

let directory = ''
const at = (name: string) => join(directory, name)

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: run "npm run build" first`)
  directory = mkdtempSync(join(tmpdir(), 'heapwright-top-'))
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

interface Run {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

interface Started {
  readonly ended: Promise<Run>
  /** The first match in what it has printed so far. */
  readonly printed: (pattern: RegExp) => Promise<string>
  readonly kill: (signal: NodeJS.Signals) => void
}

function start(args: readonly string[], options: SpawnOptions = {}): Started {
  const { FORCE_COLOR: _, NO_COLOR: __, ...env } = process.env
  const child = spawn(process.execPath, [MAIN, 'top', ...args], { env, ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  let look = () => {}
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    stdout += text
    look()
  })
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    stderr += text
    look()
  })
  return {
    ended: new Promise((resolve) => {
      child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }))
    }),
    printed: (pattern) =>
      new Promise((resolve) => {
        look = () => {
          const found = pattern.exec(stdout + stderr)
          if (found) resolve(found[1] ?? found[0])
        }
        look()
      }),
    kill: (signal) => child.kill(signal),
  }
}

const run = (args: readonly string[]) => start(args).ended

const Node = struct('Node', { value: i32 })

async function withHeap(use: (heap: Heap, url: string) => Promise<void>): Promise<void> {
  const heap = Heap.create({ mode: 'vm', name: 'watched', limit: '64MiB' })
  for (let i = 0; i < 1500; i++) heap.alloc(i)
  const scope = heap.scope()
  for (let i = 0; i < 700; i++) heap.new(Node)
  heap.collect()
  scope.close()
  const { url, close } = await heap.serve({ everyMs: 50 })
  try {
    await use(heap, url)
  } finally {
    await close()
    heap.close()
  }
}

async function withServer(answer: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address() as { port: number }
  await use(`http://127.0.0.1:${address.port}/`)
  server.close()
  server.closeAllConnections()
}

function writeScript(name: string, source: string): string {
  writeFileSync(at(name), `import { Heap } from ${JSON.stringify(BUILT)}\n${source}`)
  return at(name)
}

// Each is a process of its own that does next to nothing.
describe.concurrent('usage', () => {
  it('--help prints to standard output and exits with 0', async () => {
    const { status, stdout, stderr } = await run(['--help'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    for (const option of ['--once', '--json', '--every', '--report', '--open', '--allow-commands'])
      expect(stdout).toContain(option)
  })

  const url = 'http://127.0.0.1:9/'
  it.each([
    ['nothing', []],
    ['an unknown option', ['--frob', url]],
    ['what is no URL and no script', ['no-such-thing']],
    ['a script that is not there', ['--', 'no-such-script.mjs']],
    ['a URL with arguments', [url, 'more']],
    ['commands for a program that runs', [url, '--allow-commands']],
    ['no time between pictures', [url, '--every', '0']],
    ['a time that is none', [url, '--every', 'often']],
    ['one picture of a script', ['--once', '--', MAIN]],
    ['JSON of a script', ['--json', '--', MAIN]],
    ['a report of a script', ['--report', 'x.html', '--', MAIN]],
  ])('%s is wrong usage: exit code 2, nothing on standard output', async (_, args) => {
    const { status, stdout, stderr } = await run(args)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^heapwright: /)
    expect(stderr).not.toMatch(/\n\s+at /)
    expect(status).toBe(2)
  })

  it.each(['http://127.0.0.1:99999/', 'localhost:70000', '65536', '99999', '0', '127.0.0.1:0'])(
    '%s is said to be no URL',
    async (target) => {
      const { status, stdout, stderr } = await run([target, '--once'])
      expect(stderr).toMatch(new RegExp(`^heapwright: '${target}' is no URL of a heap; ports are from 1 to 65535\n`))
      expect([status, stdout]).toEqual([2, ''])
    },
  )

  it('says of a URL that is none no more than that', async () => {
    const { status, stderr } = await run(['http://[', '--once'])
    expect(stderr).toMatch(/^heapwright: 'http:\/\/\[' is no URL of a heap\n/)
    expect(status).toBe(2)
  })

  it.each(['1.5', '-1'])('%s, which is nothing, is said to be nothing', async (target) => {
    const { status, stdout, stderr } = await run(['--once', '--', target])
    expect(stderr).toMatch(
      new RegExp(`^heapwright: '${target}' is neither the URL of a heap nor a script that is there\n`),
    )
    expect([status, stdout]).toEqual([2, ''])
  })

  it('says that the target was taken for a script, when an option goes with a URL', async () => {
    const { status, stdout, stderr } = await run(['package.json', '--once'])
    expect(stderr).toMatch(/^heapwright: option '--once' goes with a URL, and 'package.json' was taken for a script\n/)
    expect([status, stdout]).toEqual([2, ''])
  })

  it('says of each option in the help what it goes with', async () => {
    const { stdout } = await run(['--help'])
    for (const option of ['--once', '--json', '--every <seconds>', '--report <file>'])
      expect(stdout).toMatch(new RegExp(`${option} +of a URL: `))
    expect(stdout).toMatch(/--open +of both: /)
    expect(stdout).toMatch(/--allow-commands +of a script: /)
  })
})

describe.concurrent('a program that cannot be reached', () => {
  const failure = async (url: string, ...args: string[]) => {
    const { status, stdout, stderr } = await run([url, ...args])
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr.trim().split('\n')).toHaveLength(1)
    return stderr
  }

  it('is said to have a port at which nothing can be asked', async () => {
    expect(await failure('1', '--once')).toMatch(
      /^heapwright: http:\/\/127\.0\.0\.1:1\/: this port is kept for another protocol/,
    )
  })

  it('is named, with the reason', async () => {
    // A port that was free a moment ago.
    let gone = ''
    await withServer(
      () => {},
      async (url) => {
        gone = url
      },
    )
    const ways = [[], ['--once'], ['--report', at('none.html')]]
    for (const told of await Promise.all(ways.map((args) => failure(gone, ...args))))
      expect(told).toMatch(/^heapwright: http:\/\/127\.0\.0\.1:\d+\/: nobody answers/)
    expect(existsSync(at('none.html'))).toBe(false)
  })

  it.each<[string, RequestListener, RegExp]>([
    ['another server', (_, response) => response.writeHead(404).end('nothing here'), /it is not the page of a heap/],
    ['one that answers everything', (_, response) => response.end('<h1>Hello</h1>'), /it is not the page of a heap/],
    ['other JSON', (_, response) => response.end('{"a":1}'), /it is not the page of a heap/],
    ['null', (_, response) => response.end('null'), /it is not the page of a heap/],
    [
      'parts of a state',
      (_, response) => response.end('{"version":1,"heap":{},"history":{}}'),
      /it is not the page of a heap/,
    ],
    [
      'a later version',
      (_, response) => response.end('{"version":2,"heap":{"name":"a"},"history":{}}'),
      /is of version 2/,
    ],
    ['one that refuses', (_, response) => response.writeHead(503).end('too many\n'), /: too many\n$/],
    ['one that hangs up', (request) => request.socket.destroy(), /127/],
  ])('%s is not taken for one', async (_, answer, message) => {
    await withServer(answer, async (url) => {
      expect(await failure(url, '--once')).toMatch(message)
    })
  })
})

describe('--once', () => {
  it('prints the figures of the heap', async () => {
    await withHeap(async (heap, url) => {
      const { status, stdout, stderr } = await run([url, '--once'])
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      const stats = heap.stats()
      expect(stdout).toMatch(new RegExp(`^watched  mode vm  ${url}  \\d\\d:\\d\\d:\\d\\d\n`))
      expect(stdout).toContain(`in use    ${formatBytes(stats.inUseBytes)} in 1,500 blocks, 700 objects\n`)
      expect(stdout).toContain(`committed ${formatBytes(stats.committedBytes)}, at most`)
      expect(stdout).toMatch(/pressure {2}█*░+ \d+\.\d % low, /)
      expect(stdout).toMatch(/\nmap {7}│[ ░▒▓█]+│\n/)
      expect(stdout).toMatch(/\nNode +700 /)
      expect(stdout).not.toContain('\x1b')
      for (const line of stdout.split('\n').slice(0, 3)) expect(line.length).toBeLessThan(90)
    })
  })

  it('takes a URL in every way in which people write it', async () => {
    await withHeap(async (_, url) => {
      const { port } = new URL(url)
      const targets = [port, `127.0.0.1:${port}`, `localhost:${port}/`, `http://127.0.0.1:${port}/report.html`]
      const runs = await Promise.all(targets.map((target) => run([target, '--once'])))
      expect(runs.map(({ status }, i) => [targets[i], status])).toEqual(targets.map((target) => [target, 0]))
    })
  })

  it('--json prints the whole state', async () => {
    await withHeap(async (heap, url) => {
      const { stdout } = await run([url, '--once', '--json'])
      const state: LiveState = JSON.parse(stdout)
      expect(state.figures?.stats).toEqual(JSON.parse(JSON.stringify(heap.stats())))
      expect(state.picture?.types).toHaveLength(1)
    })
  })

  it('lets no control characters through, whoever answers', async () => {
    let text = ''
    await withHeap(async (_, url) => {
      const { stdout } = await run([url, '--once', '--json'])
      text = stdout
        .replaceAll('"watched"', '"red\\u001b[31m"')
        .replaceAll('"Node"', '"green\\u001b[32m\\u0007"')
        .replace('"mode": "', '"mode": "blue\\u001b[34m')
        .replace('"level": "low"', '"level": "\\u001b[35mlow"')
    })
    await withServer(
      (_, response) => response.end(text),
      async (url) => {
        const { stdout } = await run([url, '--once'])
        expect(stdout).toMatch(/^red\?\[31m /)
        expect(stdout).toContain('green?[32m?')
        expect(stdout).toContain('blue?[34mvm')
        expect(stdout).toContain('?[35mlow')
        for (const control of ['\x1b', '\x07']) expect(stdout).not.toContain(control)
      },
    )
  })
})

describe('following', () => {
  it('prints pictures until the heap is closed', async () => {
    await withHeap(async (heap, url) => {
      const { ended, printed } = start([url, '--every', '0.1'])
      await printed(/1,500 blocks/)
      heap.alloc(10)
      await printed(/1,501 blocks/)
      heap.close()
      const { status, stderr } = await ended
      expect({ status, stderr }).toEqual({ status: 0, stderr: 'The heap was closed.\n' })
    })
  })

  it('--json prints a line for each', async () => {
    await withHeap(async (heap, url) => {
      const { ended, printed } = start([url, '--every', '0.1', '--json'])
      await printed(/"liveBlocks":1500[^\n]*\n[^\n]*\n/)
      heap.alloc(10)
      await printed(/"liveBlocks":1501/)
      heap.close()
      const { stdout } = await ended
      const states: LiveState[] = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(states.map(({ figures }) => figures?.stats.liveBlocks)).toContain(1501)
      expect(states.at(-1)?.end?.reason).toBe('closed')
    })
  })

  it('says that the program has ended', async () => {
    const script = writeScript(
      'ends.mjs',
      'const { url } = await Heap.create().serve()\nconsole.log(url)\nsetTimeout(() => {}, 1500)',
    )
    const program = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const url = await new Promise<string>((resolve) =>
      program.stdout.once('data', (data) => resolve(String(data).trim())),
    )
    const { status, stderr } = await run([url, '--every', '0.1'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'The program has ended, or has stopped serving.\n' })
  })
})

describe.skipIf(process.platform === 'win32')('--open', () => {
  const opener = process.platform === 'darwin' ? 'open' : 'xdg-open'

  it('hands the page to the browser', async () => {
    mkdirSync(at('bin'))
    writeFileSync(join(at('bin'), opener), `#!/bin/sh\nprintf '%s' "$*" > ${at('opened')}\n`, { mode: 0o755 })
    const env = { ...process.env, PATH: `${at('bin')}:${process.env.PATH}` }
    const { status, stdout, stderr } = await start(['127.0.0.1:1234', '--open'], { env }).ended
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
    await expect
      .poll(() => existsSync(at('opened')) && readFileSync(at('opened'), 'utf8'))
      .toBe('http://127.0.0.1:1234/')
  })

  it('prints the URL where there is no browser', async () => {
    mkdirSync(at('empty'))
    const env = { ...process.env, PATH: at('empty') }
    const { status, stderr } = await start(['1234', '--open'], { env }).ended
    expect([status, stderr]).toEqual([
      0,
      'heapwright: no browser could be started; the page is http://127.0.0.1:1234/\n',
    ])
  })
})

describe('--report', () => {
  it('saves the page', async () => {
    await withHeap(async (_, url) => {
      const { status, stdout, stderr } = await run([url, '--report', at('heap.html')])
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: `wrote ${at('heap.html')}\n` })
      const report = readFileSync(at('heap.html'), 'utf8')
      expect(report).toContain('<title>watched – Heapwright</title>')
      expect(report).toContain('<dd>1,500</dd>')
    })
  })

  it('names a place that cannot be written to', async () => {
    mkdirSync(at('folder'))
    await withHeap(async (_, url) => {
      for (const file of [at('folder'), at('nowhere/heap.html')]) {
        const { status, stderr } = await run([url, '--report', file])
        expect(status).toBe(1)
        expect(stderr).toContain(`heapwright: ${file}: `)
      }
    })
  })
})

describe('a script', () => {
  it('runs as it would, and each of its heaps can be seen', async () => {
    const script = writeScript(
      'two.mjs',
      `const heaps = [Heap.create({ name: 'one' }), Heap.create({ name: 'two' })]
       heaps[1].alloc(100)
       console.log(JSON.stringify(process.argv.slice(2)))
       process.exitCode = 7
       setTimeout(() => {}, 4000)`,
    )
    const { ended, printed } = start(['--', script, '--json', 'a b'])
    const url = await printed(/heap 'two': (http:\S+)/)
    expect((await run([url, '--once'])).stdout).toMatch(/^two {2}mode manual .*\n.*\n.* 1 blocks/)
    const { status, stdout, stderr } = await ended
    expect({ status, stdout }).toEqual({ status: 7, stdout: '["--json","a b"]\n' })
    expect(stderr).toMatch(/^heapwright: heap 'one': http:\/\/127\.0\.0\.1:\d+\/\nheapwright: heap 'two': http:\S+\n$/)
  })

  it('that fails fails as it would', async () => {
    const script = writeScript('throws.mjs', "Heap.create()\nawait 0\nthrow new Error('on purpose')")
    const { status, stderr } = await run([script])
    expect(status).toBe(1)
    expect(stderr).toContain('Error: on purpose')
  })

  it('without a heap is said to have none', async () => {
    const script = writeScript('none.mjs', "console.log('done')")
    const { status, stdout, stderr } = await run([script])
    expect([status, stdout, stderr]).toEqual([0, 'done\n', 'heapwright: the program has made no heap\n'])
  })

  it('gets the signals that the command gets, and ends it by the same', async () => {
    const script = writeScript('waits.mjs', 'Heap.create()\nsetTimeout(() => {}, 20_000)')
    const { ended, printed, kill } = start([script])
    await printed(/heap 'heap': http/)
    kill('SIGTERM')
    expect(await ended).toMatchObject({ status: null, signal: 'SIGTERM' })
    const polite = writeScript(
      'polite.mjs',
      "Heap.create()\nprocess.on('SIGTERM', () => process.exit(3))\nsetTimeout(() => {}, 20_000)",
    )
    const other = start([polite])
    await other.printed(/heap 'heap': http/)
    other.kill('SIGTERM')
    expect((await other.ended).status).toBe(3)
  })

  it('shows the first heaps of very many', async () => {
    const script = writeScript(
      'many.mjs',
      "for (let i = 0; i < 20; i++) Heap.create({ name: 'many', limit: 2 ** 20 })\nsetTimeout(() => {}, 500)",
    )
    const { status, stderr } = await run([script])
    expect(status).toBe(0)
    expect(stderr.match(/http:/g)).toHaveLength(16)
    expect(stderr.match(/is not shown: only the first 16 heaps are shown/g)).toHaveLength(4)
  })

  it('that starts other programs and workers does not confuse them', async () => {
    const child = writeScript(
      'child.mjs',
      "Heap.create({ name: 'child' })\nprocess.send?.('sent')\nsetTimeout(() => {}, 100)",
    )
    const worker = writeScript('worker.mjs', "Heap.create({ name: 'worker' })\nsetTimeout(() => {}, 300)")
    const script = writeScript(
      'forks.mjs',
      `import { fork } from 'node:child_process'
       import { Worker } from 'node:worker_threads'
       const child = fork(${JSON.stringify(child)})
       child.on('message', (message) => console.log(message))
       new Worker(${JSON.stringify(worker)})`,
    )
    const { status, stdout, stderr } = await run([script])
    expect([status, stdout]).toEqual([0, 'sent\n'])
    expect(stderr).toMatch(/^heapwright: heap 'worker': http:\S+\n$/)
  })
})
