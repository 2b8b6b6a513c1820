/**
 * Goal: the code keeps the habits that make it readable, and the documents name only what is there.
 * Method: every source file is read as text; what needs to know code from comments and strings looks at a copy in which
 * those are blank. Each rule gathers all of its breaches, as `file:line: what`, so that one run shows them all.
 * A failure means that a file has lost its opening comment, a line or a function has outgrown the screen, a room knows
 * a floor above it, the library needs a package or loads what few programs ask for, or the package or a document
 * points at nothing.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const COLUMNS_MAX = 120
const FUNCTION_LINES_MAX = 70

/** Floors of the kernel, lowest first; what has no room of its own stands by file name. */
const FLOORS: readonly (readonly string[])[] = [
  ['layout', 'object-layout', 'value-layout', 'overlay', 'object-overlay', 'young-overlay', 'host', 'types.d'],
  ['bits'],
  ['region', 'buffer'],
  ['block'],
  ['arena'],
  ['object'],
  ['root'],
  ['collect'],
  ['check'],
  ['plan', 'counted'],
  ['values'],
  [
    'create',
    'create-objects',
    'guest',
    'abi-guest',
    'abi-guest-objects',
    'abi',
    'abi-blocks',
    'abi-free',
    'abi-objects',
    'abi-embedded',
    'abi-counted',
    'abi-values',
  ],
]

interface Source {
  /** Path from the root, with slashes. */
  readonly path: string
  readonly text: string
}

function filesIn(directory: string, name: RegExp): Source[] {
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
    .map((entry) => `${directory}/${entry.replaceAll('\\', '/')}`)
    .filter((path) => name.test(path) && !path.includes('.generated.') && !path.includes('/node_modules/'))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

const sources = [
  ...['kernel', 'src', 'bench', 'test', 'kernel-tests', 'include'].flatMap((room) => filesIn(room, /\.ts$/)),
  ...filesIn('scripts', /\.mjs$/),
]
const documents = [
  ...readdirSync(ROOT)
    .filter((name) => name.endsWith('.md'))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') })),
  ...filesIn('docs', /\.md$/),
  ...filesIn('traces', /\.md$/),
  ...filesIn('graphs', /\.md$/),
]

// ---- reading TypeScript, roughly ------------------------------------------------------------------------------------

/** What is no code where it stands; templates are read piece by piece, since there is code in their holes. */
const OPAQUE = /\/\/.*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/y
const REGEXP = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y
/** From a backtick, or from the end of a hole, to the next hole or the last backtick. */
const TEMPLATE_PIECE = /[`}](?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{)/y

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}

/** What matches at a place, as a whole. */
function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

/** The text with comments, strings, templates and regular expressions blank; lines and columns stay. */
function codeOf(text: string): string {
  let code = ''
  /** Braces open in each template hole that the place is in. */
  const holes: number[] = []
  while (code.length < text.length) {
    const at = code.length
    const next = text[at] as string
    const before = code.slice(-20)
    const isDivision = /[\w)\]]\s*$/.test(before) && !/\breturn\s*$/.test(before)
    const endsHole = next === '}' && holes.at(-1) === 0
    let opaque = matchAt(OPAQUE, text, at) ?? (isDivision ? undefined : matchAt(REGEXP, text, at))
    if (next === '`' || endsHole) {
      opaque = matchAt(TEMPLATE_PIECE, text, at)
      if (endsHole) holes.pop()
      if (opaque?.endsWith('{')) holes.push(0)
    } else if (holes.length > 0 && !opaque) {
      holes[holes.length - 1] = (holes.at(-1) as number) + (next === '{' ? 1 : next === '}' ? -1 : 0)
    }
    code += opaque === undefined ? next : blank(opaque)
  }
  return code
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}

/** Everything that is imported, exported from, or asked for with `import()`, with the place. */
function importsOf({ path, text }: Source): { readonly specifier: string; readonly place: string }[] {
  const code = codeOf(text)
  return [...text.matchAll(/\b(?:from|import|require)\s*\(?\s*['"]([^'"\n]+)['"]/g)]
    .filter(({ index }) => code[index] !== ' ')
    .map((match) => ({ specifier: match[1] as string, place: `${path}:${lineAt(text, match.index)}` }))
}

/** The text without imports that wait until they are asked for. */
function staticPart(text: string): string {
  return text.replace(/\bimport\s*\([^)]*\)/g, '')
}

/** Text in front of a brace that opens the body of a function, or of a statement inside one, which does no harm. */
const FUNCTION_HEAD = /(?:=>|\)\s*(?::(?:[^;={}]|=>|\{[^{}]*\})*)?)\s*$/

/** All blocks in braces that are functions: name or first words, first line, number of lines. */
function functionsOf(text: string): { readonly head: string; readonly line: number; readonly lines: number }[] {
  const code = codeOf(text)
  const lines = text.split('\n')
  const found: { head: string; line: number; lines: number }[] = []
  const open: (number | undefined)[] = []
  for (const { 0: brace, index } of code.matchAll(/[{}]/g)) {
    if (brace === '{') {
      const before = code.slice(Math.max(0, index - 600), index)
      const statement = before.slice(before.search(/[^\n]*$/))
      open.push(FUNCTION_HEAD.test(before) && !/\b(?:class|interface)\b/.test(statement) ? index : undefined)
      continue
    }
    const start = open.pop()
    if (start === undefined) continue
    // A head of several lines begins where its parenthesis was opened; it belongs to the function.
    const head = code.slice(0, start)
    const line = lineAt(text, headStart(head))
    found.push({ head: (lines[line - 1] ?? '').trim().slice(0, 60), line, lines: lineAt(text, index) - line + 1 })
  }
  if (open.length > 0) throw new Error(`${open.length} braces too many in a text that begins with ${text.slice(0, 80)}`)
  return found
}

/** Where the parameter list that ends last in `head` begins. */
function headStart(head: string): number {
  let depth = 0
  for (let at = head.lastIndexOf(')'); at >= 0; at--) {
    if (head[at] === ')') depth++
    if (head[at] === '(' && --depth === 0) return at
  }
  return head.length
}

function expectNone(breaches: readonly string[]): void {
  if (breaches.length > 0) expect.fail(`${breaches.length} to put right:\n${breaches.join('\n')}`)
}

// ---- the rules ------------------------------------------------------------------------------------------------------

describe('every source file', () => {
  it('opens with a comment that says what it is for', () => {
    const opening = /^(?:#!.*\n)?(?:\/\/\/ <reference .*\n|\/\/ biome-ignore-all .*\n)*\s*\/\*\*/
    expectNone(
      sources.filter(({ text }) => !opening.test(text)).map(({ path }) => `${path}:1: opens without a doc comment`),
    )
  })

  it(`has no line over ${COLUMNS_MAX} columns, but for long texts, which the formatter leaves whole`, () => {
    expectNone(
      sources.flatMap(({ path, text }) =>
        text.split('\n').flatMap((line, i) => {
          const columns = [...line].length
          const isText = /['`]|<\//.test(line)
          return columns > COLUMNS_MAX && !isText ? [`${path}:${i + 1}: ${columns} columns`] : []
        }),
      ),
    )
  })

  it('leaves nothing marked as to be done', () => {
    const marks = new RegExp(`\\b(?:${['TO', 'FIX', 'XX'].map((half, i) => half + ['DO', 'ME', 'X'][i]).join('|')})\\b`)
    expectNone(
      [...sources, ...documents].flatMap(({ path, text }) =>
        text.split('\n').flatMap((line, i) => (marks.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
      ),
    )
  })
})

describe('kernel and src', () => {
  const code = sources.filter(({ path }) => /^(?:kernel|src)\//.test(path))

  it(`have no function over ${FUNCTION_LINES_MAX} lines`, () => {
    const all = code.flatMap(({ path, text }) => functionsOf(text).map((one) => ({ path, ...one })))
    // The counter itself: fewer than this and it has gone blind.
    expect(all.length).toBeGreaterThan(500)
    const long = all.filter(({ lines }) => lines > FUNCTION_LINES_MAX)
    expectNone(long.map(({ path, line, lines, head }) => `${path}:${line}: ${lines} lines: ${head}`))
  })

  it('the function counter sees what it is for', () => {
    const body = '\n  x()\n'.repeat(3)
    for (const head of [
      'function f(a: number): { readonly b: number } {',
      'function f(\n  a: number,\n): (b: number) => number {',
      'const f = (a: string) => {',
      'class A {\n  get b(): string {',
      `class A {\n  async *b(c = '}', d = \`{\${'{'}\`): AsyncGenerator<string> { // {`,
    ]) {
      const isMember = head.startsWith('class')
      const [longest] = functionsOf(`${head}${body}}\n${isMember ? '}\n' : ''}`).sort((a, b) => b.lines - a.lines)
      expect(longest?.lines, head).toBeGreaterThanOrEqual(6)
    }
    expect(functionsOf(`class A extends B<{ c: 1 }> {${body}}\nconst d = {${body}}\n`)).toEqual([])
  })

  it('the kernel’s rooms know only floors below their own', () => {
    const breaches: string[] = []
    const floorOf = (path: string) => {
      const name = path.slice('kernel/'.length).split('/')[0]?.replace(/\.ts$/, '') ?? ''
      return FLOORS.findIndex((rooms) => rooms.includes(name))
    }
    for (const source of sources.filter(({ path }) => path.startsWith('kernel/'))) {
      const floor = floorOf(source.path)
      if (floor < 0) breaches.push(`${source.path}:1: stands on no floor: enter its room in FLOORS`)
      for (const { specifier, place } of importsOf(source)) {
        const target = normalize(join(dirname(source.path), specifier)).replaceAll('\\', '/')
        const isBelow = target.startsWith('kernel/') && floorOf(target) >= 0 && floorOf(target) <= floor
        if (!specifier.startsWith('.') || !isBelow) breaches.push(`${place}: imports '${specifier}' from a floor above`)
      }
    }
    expectNone(breaches)
  })

  it('only src/cli and src/platform import Node’s modules', () => {
    const others = sources.filter(({ path }) => path.startsWith('src/') && !/^src\/(?:cli|platform)\//.test(path))
    const found = others.flatMap(importsOf).filter(({ specifier }) => specifier.startsWith('node:'))
    expectNone(found.map(({ specifier, place }) => `${place}: imports '${specifier}'`))
  })

  it('the library imports no package', () => {
    const breaches: string[] = []
    const waiting = ['src/index.ts']
    const reached = new Set(waiting)
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      const text = readFileSync(join(ROOT, path), 'utf8')
      for (const { specifier, place } of importsOf({ path, text })) {
        if (!specifier.startsWith('.')) {
          breaches.push(`${place}: imports '${specifier}'`)
          continue
        }
        const target = normalize(join(dirname(path), specifier.replace(/\.js$/, '.ts'))).replaceAll('\\', '/')
        if (!reached.has(target)) waiting.push(target)
        reached.add(target)
      }
    }
    expect(reached.size).toBeGreaterThan(20)
    expectNone(breaches)
  })

  it('the library is loaded without the page and its server', () => {
    const waiting = ['dist/src/index.js']
    const loaded = new Set(waiting)
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      // What is asked for with `import()` is not loaded with it.
      for (const { specifier } of importsOf({ path, text: staticPart(readFileSync(join(ROOT, path), 'utf8')) })) {
        const target = normalize(join(dirname(path), specifier)).replaceAll('\\', '/')
        if (!loaded.has(target)) waiting.push(target)
        loaded.add(target)
      }
    }
    expect(loaded).toContain('dist/src/heap.js')
    const breaches = [...loaded].filter((path) => /^dist\/src\/(?:page|serve)\//.test(path))
    // It tells a program that was loaded before of new heaps, and is a line.
    expectNone(breaches.filter((path) => path !== 'dist/src/serve/created.js'))
  })

  it('src has no `any`', () => {
    const anyType = /(?:[:<|&,(=]|\bas|\bextends|\bkeyof)\s*any\b(?!\s*[(:])/g
    const found = sources
      .filter(({ path }) => path.startsWith('src/'))
      .flatMap(({ path, text }) =>
        [...codeOf(text).matchAll(anyType)].map(({ index }) => `${path}:${lineAt(text, index)}`),
      )
    expectNone(found)
  })
})

describe('the package', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

  it('names only what is there once it is built', () => {
    const paths = (value: unknown): string[] =>
      typeof value === 'object' && value !== null ? Object.values(value).flatMap(paths) : [String(value)]
    const named = [manifest.files, manifest.exports, manifest.bin, manifest.types].flatMap(paths)
    expect(named.length).toBeGreaterThan(5)
    const missing = named.filter((path) => !existsSync(join(ROOT, path)))
    expectNone(missing.map((path) => `package.json: '${path}' does not exist`))
  })

  it('holds what is used and nothing of the workshop', { timeout: 60_000 }, () => {
    const args = ['pack', '--dry-run', '--json', '--ignore-scripts']
    const { stdout } = spawnSync('npm', args, { cwd: ROOT, encoding: 'utf8', shell: process.platform === 'win32' })
    const [packed]: [{ files: { path: string; size: number }[] }] = JSON.parse(stdout.slice(stdout.indexOf('[')))
    const paths = packed.files.map(({ path }) => path)
    for (const path of ['dist/src/index.js', 'dist/src/index.d.ts', 'dist/src/cli/main.js', 'README.md', 'LICENSE'])
      expect(paths).toContain(path)
    expectNone(
      paths.filter((path) =>
        /^(?:dist\/(?:bench|test)|bench|build|graphs|scripts|src|test|traces)\/|\.map$/.test(path),
      ),
    )
    const long = packed.files.filter(({ path, size }) => path.endsWith('.d.ts') && size > 20_000)
    expectNone(long.map(({ path, size }) => `${path}: ${size} bytes of types`))
  })

  it('has types that compile for who checks libraries, too', { timeout: 60_000 }, () => {
    const folder = join(ROOT, 'build', 'consumer')
    mkdirSync(folder, { recursive: true })
    const file = join(folder, 'consumer.ts')
    writeFileSync(file, "import { Heap, struct } from '../../dist/src/index.js'\nexport const use = [Heap, struct]\n")
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
    const options =
      '--noEmit --strict --ignoreConfig --module nodenext --target es2022 --lib es2022,esnext.disposable,dom'
    const args = [tsc, file, ...options.split(' '), '--skipLibCheck', 'false', '--types', 'node']
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' })
    expect([status, stdout]).toEqual([0, ''])
  })
})

describe('the documents', () => {
  const readme = documents.find(({ path }) => path === 'README.md')?.text ?? ''
  /** Those that import what they use; the others are pieces. */
  const completeIn = (text: string) =>
    [...text.matchAll(/```ts\n(import [\s\S]*?)```/g)].map((match) => match[1] as string)
  /** What an example says that it prints. */
  const saidBy = (example: string) => [...example.matchAll(/console\.log\(.*\/\/ (.*)$/gm)].map((match) => match[1])
  const completeExamples = completeIn(readme)

  it('link to files that exist', () => {
    const missing = documents.flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)]
        .filter((match) => !existsSync(join(ROOT, dirname(path), match[1] as string)))
        .map((match) => `${path}:${lineAt(text, match.index)}: '${match[1]}' does not exist`),
    )
    expectNone(missing)
  })

  it('the life of an allocation names functions where they are', () => {
    const path = 'docs/life-of-an-allocation.md'
    const wrong: string[] = []
    let named = 0
    readFileSync(join(ROOT, path), 'utf8')
      .split('\n')
      .forEach((line, i) => {
        const [, names, file] =
          /^ *(?:Heap\.)?(\w+(?:, \w+)*)(?:\(.*?\))? +((?:kernel|src)\/\S+\.ts)(?: |$)/.exec(line) ?? []
        if (names === undefined || file === undefined) return
        const text = existsSync(join(ROOT, file)) ? readFileSync(join(ROOT, file), 'utf8') : ''
        for (const name of names.split(', ')) {
          named++
          if (!new RegExp(`\\b${name}\\b`).test(text)) wrong.push(`${path}:${i + 1}: no ${name} in ${file}`)
        }
      })
    expect(named).toBeGreaterThan(50)
    expectNone(wrong)
  })

  it('the first example of the README is of fifteen lines', () => {
    expect(completeExamples[0]?.trimEnd().split('\n').length).toBeLessThanOrEqual(15)
    expect(completeExamples.length).toBeGreaterThan(1)
  })

  it.each(completeExamples.map((example, i) => [i + 1, example]))(
    'complete example %i of the README runs, on the built package, and prints what it says',
    (_, example) => {
      const said = saidBy(String(example))
      expect(said.length).toBeGreaterThan(0)
      // Inside the package its own name leads to what package.json exports.
      const directory = join(ROOT, 'build', 'readme')
      mkdirSync(directory, { recursive: true })
      writeFileSync(join(directory, 'example.mjs'), String(example))
      const { stdout, stderr } = spawnSync(process.execPath, [join(directory, 'example.mjs')], { encoding: 'utf8' })
      rmSync(directory, { recursive: true })
      expect(stderr).toBe('')
      expect(stdout.trimEnd().split('\n')).toEqual(said)
    },
  )

  it('complete examples of docs/ compile, run, and print what they say', { timeout: 60_000 }, () => {
    const examples = documents
      .filter(({ path }) => path.startsWith('docs/'))
      .flatMap(({ path, text }) => completeIn(text).map((example, i) => ({ name: `${path} ${i + 1}`, example })))
    expect(examples.length).toBeGreaterThan(3)
    const directory = join(ROOT, 'build', 'examples')
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
    // A reader's names need not all be used.
    const compilerOptions = { rootDir: '.', outDir: 'out', declaration: false, sourceMap: false, noUnusedLocals: false }
    const config = { extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'], exclude: [] }
    writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config))
    examples.forEach(({ example }, i) => {
      writeFileSync(join(directory, `example${i}.ts`), example)
    })
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
    expect(spawnSync(process.execPath, [tsc, '-p', directory], { encoding: 'utf8' }).stdout).toBe('')
    examples.forEach(({ name, example }, i) => {
      const file = join(directory, 'out', `example${i}.js`)
      const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
      expect([name, stderr, ...stdout.trimEnd().split('\n')]).toEqual([name, '', ...saidBy(example)])
    })
    rmSync(directory, { recursive: true })
  })
})
