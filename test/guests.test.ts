/**
 * The guests themselves, under plain `node:wasi` with the allocator that they came with: they do what their texts
 * say, so that what they do on a heap can be compared with it. A failure means that a guest, or how it is compiled, is
 * wrong.
 */
import { describe, expect, it } from 'vitest'
import { compileGuest, isWithoutClang } from './support/guests.js'
import { runPlainly } from './support/wasi.js'

describe.skipIf(isWithoutClang)('guests', () => {
  it.each(['family', 'hello', 'strings', 'tree', 'ladder', 'sort', 'hog', 'still'])('%s ends well', (name) => {
    const { code, output } = runPlainly(compileGuest(name))
    expect(code).toBe(0)
    expect(output).not.toBe('')
    expect(output).not.toMatch(/\bNO\b|DIFFER|[1-9]\d* damaged/)
  })

  it('have names, unless they are stripped', () => {
    expect(WebAssembly.Module.customSections(compile('tree'), 'name')).toHaveLength(1)
    expect(WebAssembly.Module.customSections(compile('tree', ['-Wl,--strip-all']), 'name')).toHaveLength(0)
  })

  it('are made from source text, too', () => {
    expect(runPlainly(compileGuest('int main(void) { return 17; }')).code).toBe(17)
  })

  it('that cannot be compiled say why', () => {
    expect(() => compileGuest('int main(void) { return nothing; }')).toThrow(/undeclared/)
  })

  it('SQLite answers, and says what is wrong', { timeout: 180_000 }, () => {
    const bytes = compileGuest('sqlite')
    const sql = "create table t(a, b); insert into t values (1, 'one'), (2, null); select * from t order by a"
    expect(runPlainly(bytes, [sql])).toEqual({ code: 0, output: '1|one\n2|NULL\n' })
    expect(runPlainly(bytes, ['select nothing']).code).toBe(1)
    expect(runPlainly(bytes, ["attach 'a.db' as other"]).code).toBe(1)
  })
})

function compile(name: string, flags: readonly string[] = []): WebAssembly.Module {
  return new WebAssembly.Module(compileGuest(name, { flags }) as BufferSource)
}
