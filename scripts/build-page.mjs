/**
 * Makes src/page/assets.generated.ts: everything that the HTML report inlines, as strings. Runs before `tsc`.
 *
 *   uPlot (script and style, from node_modules), src/page/style.css, and src/page/client.ts compiled on its own.
 *
 * The hashes of both scripts go into the page's Content-Security-Policy, so that no other script can run in it.
 */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)
const out = join(root, 'build', 'page')

/** A script inside HTML ends at the first `</script`, wherever it stands. */
function inlineScript(name, text) {
  if (/<\/script|<!--/i.test(text)) throw new Error(`${name} cannot be inlined: it holds </script or <!--`)
  return text
}

function compileClient() {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc')
  const options = ['--target', 'es2022', '--module', 'nodenext', '--lib', 'es2022,dom,dom.iterable', '--types', 'uplot']
  const strict = ['--strict', '--noUncheckedIndexedAccess', '--removeComments', '--skipLibCheck', '--ignoreConfig']
  const args = [tsc, join(root, 'src/page/client.ts'), '--outDir', out, '--rootDir', join(root, 'src/page')]
  execFileSync(process.execPath, [...args, ...options, ...strict], { stdio: 'inherit', cwd: root })
  return readFileSync(join(out, 'client.js'), 'utf8')
}

function hashOf(script) {
  return `'sha256-${createHash('sha256').update(script).digest('base64')}'`
}

const uplotDirectory = dirname(require.resolve('uplot/package.json'))
const licence = readFileSync(join(uplotDirectory, 'LICENSE'), 'utf8').match(/Copyright.*/)?.[0] ?? ''
const uplot = readFileSync(join(uplotDirectory, 'dist/uPlot.iife.min.js'), 'utf8')
const assets = {
  UPLOT_JS: inlineScript('uPlot', `/*! uPlot, MIT licence, ${licence} */\n${uplot}`),
  UPLOT_CSS: readFileSync(join(uplotDirectory, 'dist/uPlot.min.css'), 'utf8'),
  CLIENT_JS: inlineScript('client.ts', compileClient()),
  STYLE_CSS: readFileSync(join(root, 'src/page/style.css'), 'utf8'),
}
assets.SCRIPT_HASHES = `${hashOf(assets.UPLOT_JS)} ${hashOf(assets.CLIENT_JS)}`

const lines = Object.entries(assets).map(([name, text]) => `export const ${name}: string = ${JSON.stringify(text)}`)
writeFileSync(
  join(root, 'src/page/assets.generated.ts'),
  `// Made by scripts/build-page.mjs. Do not edit.\n${lines.join('\n')}\n`,
)
