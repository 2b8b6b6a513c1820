/**
 * Machine instructions of one random replace inside WebAssembly, counted by Valgrind's callgrind: exact where times of
 * a few nanoseconds are noisy. Run: node bench/experiments/instructions.mjs [live] [largest size] [module …]
 *
 * Each module of build/bench (inside-tlsf, inside-heapwright) runs in Node under Valgrind with a few steps and with
 * many; the difference divided by the difference of steps is the cost of one. Liftoff is off: code is optimised from
 * the start.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const self = fileURLToPath(import.meta.url)
const root = join(dirname(self), '../..')
const FEW = 10_000
const MANY = 210_000
const NODE_FLAGS = ['--single-threaded', '--no-liftoff', '--no-wasm-lazy-compilation']

function work(name, steps, live, max) {
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 65536 })
  const grow = (pages) => memory.grow(pages)
  const module = new WebAssembly.Module(readFileSync(join(root, `build/bench/${name}.wasm`)))
  const imports = { env: { memory, abort() {} }, host: { grow, report() {} } }
  const { exports } = new WebAssembly.Instance(module, imports)
  exports.start(12345)
  exports.fill(live, max - 15)
  exports.steps(steps, live, max - 15)
}

function instructions(name, steps, live, max) {
  const args = ['--tool=callgrind', '--smc-check=all-non-file', '--callgrind-out-file=/dev/null']
  args.push(process.execPath, ...NODE_FLAGS, self, '--work', name, steps, live, max)
  const { stderr, status } = spawnSync('valgrind', args.map(String), { encoding: 'utf8' })
  const found = /Collected\s*:\s*(\d+)/.exec(stderr ?? '')
  if (status !== 0 || found === null) throw new Error(`valgrind failed: ${stderr}`)
  return Number(found[1])
}

const [first, ...rest] = process.argv.slice(2)
if (first === '--work') work(rest[0], Number(rest[1]), Number(rest[2]), Number(rest[3]))
else {
  const live = Number(first ?? 1000)
  const max = Number(rest[0] ?? 240)
  const names = rest.length > 1 ? rest.slice(1) : ['inside-tlsf', 'inside-heapwright']
  console.log(`random replace, ${live} live, 16 to ${max} bytes, Node ${process.version}`)
  for (const name of names) {
    const each = (instructions(name, MANY, live, max) - instructions(name, FEW, live, max)) / (MANY - FEW)
    console.log(`${name.padEnd(20)} ${each.toFixed(1)} instructions a replace`)
  }
}
