/**
 * Makes src/page/assets.generated.ts: everything that the HTML pages inline, as strings. Runs before `tsc`.
 *
 *   uPlot (script and style, from node_modules), src/page/style.css, and the pages' own scripts, each bundled into one
 *   text: src/page/client.ts of the report of replays, src/page/live-client.ts of the live page.
 *
 * The hashes of a page's scripts go into its Content-Security-Policy, so that no other script can run in it.
 */

import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)

/** A script inside HTML ends at the first `</script`, wherever it stands. */
function inlineScript(name, text) {
  if (/<\/script|<!--/i.test(text)) throw new Error(`${name} cannot be inlined: it holds </script or <!--`)
  return text
}

/** A script of a page with all that it imports, as one text. */
async function bundle(entry) {
  const bundled = await rolldown({ input: join(root, 'src/page', entry), platform: 'browser' })
  const { output } = await bundled.generate({ format: 'esm', minify: true })
  await bundled.close()
  if (output.length !== 1) throw new Error(`${entry} becomes ${output.length} files; a page takes one`)
  return inlineScript(entry, output[0].code)
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
  CLIENT_JS: await bundle('client.ts'),
  LIVE_JS: await bundle('live-client.ts'),
  STYLE_CSS: readFileSync(join(root, 'src/page/style.css'), 'utf8'),
}
assets.SCRIPT_HASHES = `${hashOf(assets.UPLOT_JS)} ${hashOf(assets.CLIENT_JS)}`
assets.LIVE_HASHES = `${hashOf(assets.UPLOT_JS)} ${hashOf(assets.LIVE_JS)}`

const lines = Object.entries(assets).map(([name, text]) => `export const ${name}: string = ${JSON.stringify(text)}`)
writeFileSync(
  join(root, 'src/page/assets.generated.ts'),
  `// Made by scripts/build-page.mjs. Do not edit.\n${lines.join('\n')}\n`,
)
