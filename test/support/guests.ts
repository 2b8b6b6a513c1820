/**
 * Real guests: C programs compiled to WebAssembly (WASI preview 1) by clang. A machine without clang, its linker or the
 * C library for WASI skips the tests that need them and says so; where `CI` or `HEAPWRIGHT_CI` is set, to miss them is
 * a failure.
 *
 * What was compiled is kept in test-output/guests under a hash of everything that it is made from.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Of the project, from here or from where the bench has this file compiled. */
const ROOT = ['../..', '../../..']
  .map((up) => fileURLToPath(new URL(up, import.meta.url)))
  .find((directory) => existsSync(join(directory, 'test', 'guests'))) as string
const GUESTS = join(ROOT, 'test/guests')
const INCLUDE = join(ROOT, 'include')
const CACHE = join(ROOT, 'test-output/guests')

const INSTALL = 'apt-get install clang lld wasi-libc libclang-rt-dev-wasm32'
const CLANG = process.env.HEAPWRIGHT_CLANG ?? 'clang'
const TARGET = ['--target=wasm32-wasi', `--sysroot=${process.env.HEAPWRIGHT_WASI_SYSROOT ?? '/usr'}`]
/** The longest that one waits for another process to compile the same. */
const PATIENCE_MS = 180_000

// A clang that finds wasm-opt, as under npx, runs it, and that drops the names of functions.
const PATH = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((directory) => !existsSync(join(directory, 'wasm-opt')))
  .join(delimiter)

let versionText: string | undefined

/** Why no guest can be compiled; undefined when one can. */
const missing = whatIsMissing()
/** The same, for who does not only leave something out. */
export const whyNoGuests: string | undefined = missing && `${missing}: ${INSTALL}`
/** Whether the tests that need it are left out. */
export const isWithoutClang = missing !== undefined && !process.env.CI && !process.env.HEAPWRIGHT_CI
if (isWithoutClang) console.log(`skipped: the tests of C guests need clang for WASI (${INSTALL}): ${missing}`)

export interface GuestOptions {
  /** For clang, after `-O2`: `-O0`, `-Wl,--strip-all`, `-Wl,--import-memory`, `-mexec-model=reactor` and the like. */
  readonly flags?: readonly string[]
  /** Object files to link with it, as `compileObject` gives them. */
  readonly objects?: readonly string[]
}

/**
 * The module of a guest: of test/guests/NAME.c, or of C source text, which is told by a line break or a brace in it.
 * It has a name section unless the flags take it away. Headers are found in include/ and test/guests/.
 */
export function compileGuest(nameOrSource: string, { flags = [], objects = [] }: GuestOptions = {}): Uint8Array {
  const isSource = /[\n{]/.test(nameOrSource)
  const source = isSource ? nameOrSource : readFileSync(join(GUESTS, `${nameOrSource}.c`), 'utf8')
  const parts = nameOrSource === 'sqlite' ? [...objects, sqliteObject()] : objects
  const more = nameOrSource === 'sqlite' ? [`-I${sqliteDirectory()}`, ...flags] : flags
  return readFileSync(build(isSource ? 'source' : nameOrSource, 'wasm', source, more, parts))
}

/** The cached object file of a C file. */
export function compileObject(path: string, flags: readonly string[] = []): string {
  const name = path.slice(dirname(path).length + 1, -extname(path).length)
  return build(name, 'o', readFileSync(path, 'utf8'), [...flags, '-c', `-I${dirname(path)}`], [])
}

/** SQLite as one object, without files and threads; what it takes of an operating system is in test/guests/sqlite.c. */
function sqliteObject(): string {
  const flags = ['THREADSAFE=0', 'OMIT_LOAD_EXTENSION', 'TEMP_STORE=3', 'OS_OTHER=1', 'OMIT_WAL', 'OMIT_DEPRECATED']
  return compileObject(
    join(sqliteDirectory(), 'sqlite3.c'),
    flags.map((flag) => `-DSQLITE_${flag}`),
  )
}

function sqliteDirectory(): string {
  const { resolve } = createRequire(import.meta.url)
  return dirname(resolve('cordova-sqlite-storage-dependencies/package.json'))
}

/** The path of what clang makes of the source, which it makes once. */
function build(
  name: string,
  extension: string,
  source: string,
  flags: readonly string[],
  objects: readonly string[],
): string {
  if (missing !== undefined) throw new Error(`no guest can be compiled: ${missing}: ${INSTALL}`)
  mkdirSync(CACHE, { recursive: true })
  const options = ['-O2', '-Wall', `-I${INCLUDE}`, `-I${GUESTS}`, ...flags]
  const target = join(CACHE, `${name}-${keyOf([source, ...headersOf(source), ...objects, ...options])}.${extension}`)
  if (existsSync(target)) return target
  return alone(target, () => clang(source, target, [...options, ...objects]))
}

/** One process compiles, the others wait for what it makes. */
function alone(target: string, make: () => void): string {
  const lock = `${target}.lock`
  const until = Date.now() + PATIENCE_MS
  while (!existsSync(target)) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
    } catch {
      if (Date.now() > until) throw new Error(`another process does not come to an end with ${target}`)
      if (isAbandoned(lock)) rmSync(lock, { force: true })
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
      continue
    }
    try {
      if (!existsSync(target)) make()
    } finally {
      rmSync(lock, { force: true })
    }
  }
  return target
}

/** Whether the process that holds the lock has ended without giving it back. */
function isAbandoned(lock: string): boolean {
  try {
    const holder = Number(readFileSync(lock, 'utf8'))
    return holder > 0 && holder !== process.pid && !isAlive(holder)
  } catch {
    return false // given back just now
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** `options` with objects; the result is there as a whole or not at all. */
function clang(source: string, target: string, options: readonly string[]): void {
  const unfinished = `${target}.${process.pid}`
  const others = options.filter((option) => !option.endsWith('.o'))
  const objects = options.filter((option) => option.endsWith('.o'))
  run(
    [...TARGET, ...others, '-x', 'c', '-', ...(objects.length > 0 ? ['-x', 'none', ...objects] : []), '-o', unfinished],
    source,
  )
  renameSync(unfinished, target)
}

/** What clang says is in the error when it fails. */
function run(options: readonly string[], input = ''): string {
  const settings = { input, encoding: 'utf8' as const, env: { ...process.env, PATH }, stdio: 'pipe' as const }
  return execFileSync(CLANG, options, { ...settings, maxBuffer: 1 << 26 })
}

function keyOf(parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of [version(), ...TARGET, ...parts]) hash.update(`${part.length}:`).update(part)
  return hash.digest('hex').slice(0, 20)
}

/** The text of all headers of ours when the source names one, as they may name others. */
function headersOf(source: string): string[] {
  const directories = [INCLUDE, GUESTS].filter((directory) => existsSync(directory))
  const headers = directories.flatMap((directory) =>
    readdirSync(directory)
      .filter((file) => file.endsWith('.h'))
      .sort()
      .map((file) => ({ file, path: join(directory, file) })),
  )
  const isUsed = headers.some(({ file }) => source.includes(file))
  return isUsed ? headers.map(({ path }) => readFileSync(path, 'utf8')) : []
}

function version(): string {
  versionText ??= run(['--version'])
  return versionText
}

/** Compiles and links a small program: clang may be there without a linker, a C library, or the compiler's own. */
function whatIsMissing(): string | undefined {
  const source = '#include <stdlib.h>\nint main(int n, char **a) { return malloc((double)n * n) == 0; }\n'
  try {
    mkdirSync(CACHE, { recursive: true })
    const target = join(CACHE, `check-${keyOf([source])}.wasm`)
    if (!existsSync(target)) clang(source, target, ['-O1'])
    return undefined
  } catch (error) {
    const { stderr, code, message } = error as Error & { stderr?: string; code?: string }
    if (!stderr && code === undefined) throw error // no word of clang's
    return (stderr || message).trim().split('\n')[0] as string
  }
}
