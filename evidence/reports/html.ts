/** A piece of HTML. Everything else that is put into a template is text, and is escaped. */
export interface Html {
  readonly html: string;
}

type Part = Html | string | number | null | undefined | false | readonly Part[];

/** Template for HTML: what is inserted is text unless it is {@link Html} itself. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: strings.reduce((all, text, at) => `${all}${write(parts[at - 1])}${text}`) };
}

function write(part: Part): string {
  if (part === null || part === undefined || part === false) return '';
  if (typeof part === 'string' || typeof part === 'number')
    return escaped(String(part)).replaceAll(NUMBER_AND_UNIT, '$1&#160;');
  if ('html' in part) return part.html;
  return part.map(write).join('');
}

/** A number and its unit stay on one line. */
const NUMBER_AND_UNIT = /(\d) (?=(?:s|min|h|d|UTC|B|KiB|MiB|GiB|TiB|%)\b|%)/g;

export function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replaceAll(/[&<>"']/g, (char) => names[char] ?? char);
}

/** A table with a caption and scoped headers; the first cell of a row heads it. */
export function tableOf(
  caption: string,
  header: readonly string[],
  rows: readonly (readonly Part[])[],
): Html {
  if (rows.length === 0) return html`<p class="none">${caption}: none.</p>`;
  return html`<div class="wide">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${header.map((name) => html`<th scope="col">${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([head, ...cells]) =>
            html`<tr>
              <th scope="row">${head}</th>
              ${cells.map((cell) => html`<td>${cell}</td>`)}
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}

/** Names and values, one below the other. */
export function factsOf(facts: readonly (readonly [string, Part])[]): Html {
  return html`<dl>
    ${facts.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

export function codeOf(text: string | null): Html {
  return text === null ? html`–` : html`<code>${text}</code>`;
}

/** A whole page in one file: no script, no font, no request. */
export function pageOf(title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <style>
          ${{ html: STYLE }}
        </style>
      </head>
      <body>
        <main>${body}</main>
      </body>
    </html> `.html;
}

const STYLE = `
:root {
  --ink: #16202b; --soft: #4b5a69; --line: #d5dce3; --paper: #ffffff; --panel: #f4f6f8;
  --good: #0b6b3a; --good-paper: #e2f4e9; --bad: #a61b1b; --bad-paper: #fbe6e4; --open: #7a5200; --open-paper: #fbf0d5; --bar: #2f6fa8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e8edf2; --soft: #a9b6c3; --line: #35414d; --paper: #12181f; --panel: #1b232c;
    --good: #7fdca6; --good-paper: #10321f; --bad: #ffa59c; --bad-paper: #43191a; --open: #f1cd7c; --open-paper: #3a2c0c; --bar: #6fb0e6;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem; padding-top: .5rem; border-top: 1px solid var(--line); break-after: avoid; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; break-after: avoid; }
p { margin: .4rem 0; max-width: 48rem; }
.lead { color: var(--soft); }
.verdict { display: inline-block; font-weight: 700; padding: .1rem .6rem; border-radius: .3rem; border: 1px solid currentColor; }
.passed, .met, .immutable, .kept, .accepted { color: var(--good); background: var(--good-paper); }
.failed, .missed, .broken, .rejected { color: var(--bad); background: var(--bad-paper); }
.inconclusive, .unknown, .pending, .governance, .not-provable, .not-covered { color: var(--open); background: var(--open-paper); }
.excluded { color: var(--soft); background: var(--panel); }
.mark { font-weight: 600; padding: 0 .35rem; border-radius: .2rem; box-decoration-break: clone; -webkit-box-decoration-break: clone; }
td .mark { white-space: nowrap; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1.25rem 0; }
.figure { background: var(--panel); border: 1px solid var(--line); border-radius: .4rem; padding: .7rem .9rem; break-inside: avoid; }
.figure b { display: block; font-size: 1.35rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.figure span { color: var(--soft); font-size: .85rem; }
dl { margin: .5rem 0; }
dl div { display: grid; grid-template-columns: 13rem 1fr; gap: 1rem; padding: .25rem 0; border-bottom: 1px solid var(--line); break-inside: avoid; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
thead th { border-bottom-width: 2px; } tbody th { font-weight: 600; }
tr { break-inside: avoid; }
code { font: .85em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
ul { margin: .4rem 0; padding-left: 1.2rem; max-width: 52rem; }
.time { white-space: nowrap; }
.none { color: var(--soft); }
svg { width: 100%; height: auto; display: block; margin: .5rem 0 1rem; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg .soft { fill: var(--soft); }
svg .bar { fill: var(--bar); } svg .line { stroke: var(--line); }
svg .trend { fill: none; stroke: var(--bar); stroke-width: 1.6; } svg .target { stroke: var(--bad); stroke-dasharray: 5 4; }
svg.map { margin: .25rem 0; break-inside: avoid; } svg.map text { font-size: 10.5px; }
svg .good { fill: var(--good); } svg .bad { fill: var(--bad); } svg .open { fill: var(--open); } svg .bare { fill: var(--bar); }
svg .gone { fill: none; stroke: var(--bad); } svg .out { fill: var(--soft); } svg .void { fill: var(--line); }
.legend { list-style: none; padding: 0; margin: .5rem 0; display: flex; flex-wrap: wrap; gap: .15rem 1.25rem; max-width: none; font-size: .85rem; }
.legend svg { margin: 0; display: inline-block; width: 16px; height: 12px; vertical-align: -1px; }
@media (max-width: 40rem) { dl div { grid-template-columns: 1fr; gap: 0; } }
@page { margin: 15mm; }
@media print {
  :root { --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --panel: #fff; --good: #0b6b3a; --bad: #a61b1b; --open: #7a5200; --good-paper: #fff; --bad-paper: #fff; --open-paper: #fff; --bar: #555; }
  body { font-size: 10pt; } main { max-width: none; padding: 0; } .wide { overflow: visible; } .figures { grid-template-columns: repeat(4, 1fr); }
  th, td { font-size: 9pt; } thead { display: table-header-group; break-after: avoid; } tbody tr:first-child { break-before: avoid; } .figure b { font-size: 13pt; } p, li { orphans: 3; widows: 3; }
  h2, h3, caption, h2 + p { break-after: avoid; } h2 { margin-top: 1.2rem; } .figures, svg { break-inside: avoid; } a { color: inherit; }
}
`;
