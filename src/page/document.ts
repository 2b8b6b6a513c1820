/** The frame of a page that needs nothing else: its head with the policy and the styles, and its scripts inlined. */
import { LIVE_HASHES, SCRIPT_HASHES, STYLE_CSS, UPLOT_CSS, UPLOT_JS } from './assets.generated.js'
import { embeddedJson, type Html, html, trustedHtml } from './html.js'

export interface PageDocument {
  readonly title: string
  /** What made it. */
  readonly generator: string
  /** `policyFor` of the page's script. */
  readonly policy: string
  /** Comes from a server, which browsers would ask for an icon, too; this one is empty. */
  readonly isServed?: boolean
  readonly body: Html
  /** What the script finds in the element `data`. */
  readonly data: unknown
  readonly script: string
}

const HASHES = { replay: SCRIPT_HASHES, live: LIVE_HASHES }

/**
 * A policy under which the page can do nothing but run its own two scripts, and talk to its server where `connects`.
 */
export function policyFor(page: keyof typeof HASHES, connects = false): string {
  const connect = connects ? " connect-src 'self';" : ''
  return `default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src 'unsafe-inline';${connect} script-src ${HASHES[page]}`
}

/** The whole document. */
export function renderDocument(page: PageDocument): string {
  const { title, generator, policy, isServed = false, body, data, script } = page
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="${generator}">
${isServed ? html`<link rel="icon" href="data:,">` : ''}
<title>${title}</title>
<style>${trustedHtml(UPLOT_CSS)}</style>
<style>${trustedHtml(STYLE_CSS)}</style>
</head>
<body>
${body}
<script type="application/json" id="data">${embeddedJson(data)}</script>
<script>${trustedHtml(UPLOT_JS)}</script>
<script type="module">${trustedHtml(script)}</script>
</body>
</html>
`.text
}
