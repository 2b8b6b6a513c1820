/**
 * Goal: who uses the library can name every type that its public signatures mention.
 * Method: the declarations that the build wrote, read as text: from each public name to the names in its declaration,
 * and on through those that are not public, such as a base class.
 * A failure means: a parameter or a result whose type a program cannot write down.
 */
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'

const DIST = new URL('../dist/', import.meta.url)

/** A file of declarations, which the build has written, without comments and texts. */
interface Declarations {
  /** Text by name. */
  readonly own: ReadonlyMap<string, string>
  /** File and name there, by the name here. */
  readonly others: ReadonlyMap<string, { readonly file: string; readonly name: string }>
}

/** Without what only the library itself can use: what is private or protected, and how instances are made. */
function publicPart(text: string): string {
  return text
    .replace(/^ *(?:private |protected )?constructor\([\s\S]*?\);/gm, '')
    .replace(/^ *(?:private|protected) [\s\S]*?;$/gm, '')
    .replace(/'[^']*'/g, "''")
}

const files = new Map<string, Declarations>()

function declarationsOf(file: string): Declarations {
  const known = files.get(file)
  if (known) return known
  const text = readFileSync(new URL(file.replace(/\.js$/, '.d.ts'), DIST), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '')
  const others = new Map<string, { file: string; name: string }>()
  for (const [, list = '', from = ''] of text.matchAll(
    /^(?:import|export) (?:type )?\{([^}]*)\} from '(\.[^']*)';/gm,
  )) {
    for (const entry of list.split(',')) {
      const [name = '', here = name] = entry
        .replace(/\btype\b/, '')
        .trim()
        .split(/ as /)
      if (name !== '') others.set(here, { file: posix.join(posix.dirname(file), from), name })
    }
  }
  const own = new Map<string, string>()
  const statement = /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|function|const) (\w+)/
  for (const part of text.split(/^(?=export |declare |interface |type |class )/m)) {
    const name = statement.exec(part)?.[1]
    if (name !== undefined) own.set(name, (own.get(name) ?? '') + publicPart(part))
  }
  const found = { own, others }
  files.set(file, found)
  return found
}

/** Where a name of a file is declared. */
function originOf(file: string, name: string): { file: string; name: string } {
  const { own, others } = declarationsOf(file)
  const other = others.get(name)
  return own.has(name) || !other ? { file, name } : originOf(other.file, other.name)
}

/** What public types are made of and no program writes down: bases, and steps of a type's reckoning. Walked through. */
const PARTS = new Set(
  (
    'ArenaBase Structure ObjectAccess CountedAccess BlockAccess RegionAccess PageCalls ReliefAccess ObservedAccess SlotOwner Kernel BlockKernel CommonOptions PartialOptions ' +
    'Accessors Views NumberView NumberType ScalarArrayKind ElementOf ' +
    'InitValue Settable SettableValue SeveralValues ElementsOf RecordValue RecordInput Referable Target ScalarValue'
  ).split(' '),
)
/** What members for the library's own use mention. Not walked through. */
const MACHINERY = new Set(['ObjectSpace', 'ValueSpace', 'Holder', 'Reading'])

describe('the public names', () => {
  it('have all types that their signatures mention', () => {
    const index = declarationsOf('src/index.js')
    const publicNames = new Set(
      [...index.others.keys()].map((name) => Object.values(originOf('src/index.js', name)).join(' ')),
    )
    const reached = new Set(publicNames)
    const missing = new Set<string>()
    for (const place of reached) {
      const [file = '', name = ''] = place.split(' ')
      const { own, others } = declarationsOf(file)
      for (const [word] of (own.get(name) ?? '').matchAll(/\b[A-Z]\w*/g)) {
        if (!own.has(word) && !others.has(word)) continue
        const other = Object.values(originOf(file, word)).join(' ')
        if (publicNames.has(other) || MACHINERY.has(word)) continue
        if (PARTS.has(word)) reached.add(other)
        else missing.add(`${word}, in ${file}, mentioned by ${name}`)
      }
    }
    expect(reached.size).toBeGreaterThan(100)
    expect([...missing]).toEqual([])
  })
})
