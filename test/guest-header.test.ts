/**
 * Goal: include/heapwright.h, the AssemblyScript binding and the kernel say the same.
 * Method: the header's constants against the kernel's layout by name; its imports, and those of the binding, against
 * what the kernel exports, with the types of their parameters; the header compiled as C99 and as C++, with all warnings
 * on.
 * A failure means: a guest would read or write the wrong word, or could not be linked.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import { GUEST_OBJECTS_DEBUG_BASE64, GUEST_OBJECTS_RELEASE_BASE64 } from '../src/guest/kernel-bytes.generated.js'
import { compileGuest, isWithoutClang } from './support/guests.js'

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const header = read('include/heapwright.h')
const INCLUDE = fileURLToPath(new URL('../include', import.meta.url))

/** The kernel's constants that the header has under the same name behind HW_. */
function kernelConstants(): Map<string, number> {
  const constants = new Map<string, number>()
  for (const [name, value] of Object.entries({ ...layout, ...objects })) constants.set(name, value as number)
  for (const match of read('kernel/guest/guest-layout.ts').matchAll(/export const HW_(\w+): u32 = (.*)/g)) {
    const [, name = '', value = ''] = match
    constants.set(name, value.includes('<<') ? 1 << Number(value.split('<<')[1]) : Number(value.replaceAll('_', '')))
  }
  return constants
}

/** All that the header names by a number, without HW_. */
function headerConstants(): Map<string, number> {
  const found = [
    ...header.matchAll(/#define HW_(\w+) (0x[0-9a-f]+|\d+)u/g),
    ...header.matchAll(/^ {2}HW_(\w+) = (\d+),?/gm),
  ]
  return new Map(found.map(([, name = '', value = '']) => [name, Number(value)]))
}

describe('include/heapwright.h', () => {
  it('has the kernel’s numbers under the kernel’s names', () => {
    const kernel = kernelConstants()
    const own = headerConstants()
    expect(own.size).toBeGreaterThan(40)
    const wrong: string[] = []
    let compared = 0
    for (const [name, value] of own) {
      const theirs = kernel.get(name) ?? kernel.get(`STATUS_${name}`)
      // What a program may ask of hw_begin_objects is in no layout.
      if (theirs === undefined && /^(?:AGEING|COUNT_TYPES|NO_EVACUATION|EAGER_SWEEP)$/.test(name)) continue
      compared++
      if (theirs !== value) wrong.push(`HW_${name} is ${value} in the header, ${theirs} in the kernel`)
    }
    expect(wrong).toEqual([])
    expect(compared).toBe(own.size - 4)
  })

  it('imports what the kernel exports, and so does the binding', () => {
    for (const base64 of [GUEST_OBJECTS_RELEASE_BASE64, GUEST_OBJECTS_DEBUG_BASE64]) {
      const module = new WebAssembly.Module(Buffer.from(base64, 'base64'))
      expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }])
      const exported = WebAssembly.Module.exports(module).map(({ name }) => name)
      const inHeader = [...header.matchAll(/HW_IMPORT\((hw_\w+)\)/g)].map(([, name]) => name as string)
      const inBinding = [...read('include/assembly/imports.ts').matchAll(/'heapwright', '(hw_\w+)'/g)].map(
        ([, name]) => name as string,
      )
      expect(inHeader.length).toBeGreaterThan(35)
      expect([...inBinding].sort()).toEqual([...inHeader].sort())
      // The linker's own.
      const others = exported.filter((name) => name.startsWith('hw_') && !inHeader.includes(name))
      expect(others).toEqual(['hw_choose_mode'])
      expect(inHeader.filter((name) => !exported.includes(name))).toEqual([])
    }
  })

  it('explains every function and type that it declares for programs', () => {
    const lines = header.split('\n')
    const bare = lines.filter((line, i) => {
      if (!/^(?:HW_IMPORT|HW_INLINE|struct hw_\w+ \{|typedef enum|#define HW_\w+\()/.test(line)) return false
      return lines[i - 1] === '' && i > 0
    })
    // What stands directly behind an explained one is explained with it; these are what others are made of.
    const parts = /hw_get_stats|hw_space_address|hw_begin_objects_with|hw_add_type|hw_add_long_type|hw_store_reference/
    const rest =
      /hw_is_young|hw_enter_frame|hw_enter_on|hw_root_add|hw_root_of_kind|hw_leave_pinned|HW_SPACE_WORD|HW_IMPORT/
    expect(bare.filter((line) => !parts.test(line) && !rest.test(line) && !/^HW_IMPORT\(\w+\)$/.test(line))).toEqual([
      'typedef enum hw_mode {',
    ])
  })
})

describe.skipIf(isWithoutClang)('a program that includes it', () => {
  const program = `#include "heapwright.h"
struct node { struct node *next; hw_u32 value; };
int use(void) {
  hw_type type = hw_struct_type("node", sizeof(struct node), HW_REF(struct node, next));
  struct frame { struct node *first; };
  HW_FRAME(struct frame, f);
  if (!f) return hw_error();
  f->first = HW_NEW(struct node, type);
  if (f->first) HW_SET(f->first, next, f->first);
  hw_leave(f);
  return hw_compact();
}
`

  it.each([
    ['C99', ['-x', 'c', '-std=c99']],
    ['C11 for size', ['-x', 'c', '-std=c11', '-Os']],
    ['C++11', ['-x', 'c++', '-std=c++11']],
    ['C++20', ['-x', 'c++', '-std=c++20']],
    ['C without optimisation', ['-x', 'c', '-O0']],
    ['checked C', ['-x', 'c', '-DHEAPWRIGHT_CHECKED']],
  ])('compiles as %s without a warning', (_, flags) => {
    const always = ['--target=wasm32-wasi', '-Wall', '-Wextra', '-pedantic', '-Werror', '-c', '-o', '/dev/null']
    const clang = process.env.HEAPWRIGHT_CLANG ?? 'clang'
    execFileSync(clang, [...flags, ...always, `-I${INCLUDE}`, '-'], {
      input: program,
      stdio: ['pipe', 'ignore', 'pipe'],
    })
  })

  it('imports what the kernel exports, with the same types', () => {
    const module = compileGuest('objects', { flags: ['-nostartfiles', '-Wl,--no-entry', '-Wl,--import-memory'] })
    const kernel = new WebAssembly.Module(Buffer.from(GUEST_OBJECTS_RELEASE_BASE64, 'base64'))
    const memory = new WebAssembly.Memory({ initial: 4 })
    const heapwright = new WebAssembly.Instance(kernel, { env: { memory } }).exports
    // Instantiation compares types: an i32 for an i64 is refused.
    expect(
      () => new WebAssembly.Instance(new WebAssembly.Module(module as BufferSource), { env: { memory }, heapwright }),
    ).not.toThrow()
    const used = WebAssembly.Module.imports(new WebAssembly.Module(module as BufferSource)).filter(
      (one) => one.module === 'heapwright',
    )
    expect(used.length).toBeGreaterThan(25)
  })
})
