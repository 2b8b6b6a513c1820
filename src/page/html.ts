/** Text to HTML in one way: a template whose every value is escaped unless it is HTML already. */

/** HTML that needs no escaping. Made by `html` only, or by `trustedHtml` from text of this project's own. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type HtmlValue = string | number | Html | readonly Html[]

export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = parts[0] ?? ''
  values.forEach((value, i) => {
    text += toText(value) + (parts[i + 1] ?? '')
  })
  return new Html(text)
}

/** Text that is HTML, style or script by the project's own hand. */
export function trustedHtml(text: string): Html {
  return new Html(text)
}

/** A value as JSON inside a `<script>` element: no `<`, so that no string in it can end the element. */
export function embeddedJson(value: unknown): Html {
  return new Html(JSON.stringify(value).replace(/</g, '\\u003c'))
}

function toText(value: HtmlValue): string {
  if (value instanceof Html) return value.text
  if (typeof value === 'object') return value.map((item) => item.text).join('')
  return escapeText(String(value))
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}
