// Style and script of the pages; they are inlined, so that a page is one file and needs nothing from elsewhere.

export const PAGE_STYLE = `
:root {
  --ink: #17202a; --soft: #5a6672; --paper: #ffffff; --panel: #f4f6f8; --line: #dfe4e9; --accent: #0f766e;
  --get: #1d4ed8; --post: #0f766e; --delete: #b3261e; --notice: #fef6e0; --notice-line: #e8c96b;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6eaee; --soft: #9aa6b2; --paper: #12171d; --panel: #1b222a; --line: #2c3640; --accent: #5eead4;
    --get: #93b4ff; --post: #5eead4; --delete: #fca5a5; --notice: #2e2812; --notice-line: #6d5a1e;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; color: var(--ink); background: var(--paper); font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
a { color: var(--accent); text-underline-offset: 2px; }
code, pre { font-family: var(--mono); font-size: .875em; }
:not(pre) > code { background: var(--panel); border-radius: 4px; padding: .1em .35em; overflow-wrap: anywhere; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .25rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 .75rem; }
h3 { font-size: .8125rem; font-weight: 600; margin: 1.75rem 0 .5rem; color: var(--soft); text-transform: uppercase; letter-spacing: .05em; }
p { margin: 0 0 .75rem; max-width: 46rem; }
.frame { max-width: 76rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
.lead { color: var(--soft); margin-bottom: 1.25rem; }
.notice { background: var(--notice); border: 1px solid var(--notice-line); border-radius: 8px; padding: .75rem 1rem; margin: 0 0 1.5rem; max-width: 46rem; }
section { border-top: 1px solid var(--line); padding: 2rem 0 1rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: .25rem 0; color: var(--ink); text-decoration: none; font-size: .9375rem; }
nav a:hover { color: var(--accent); }
.route { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem .75rem; margin-bottom: .75rem; }
.route .path { font-size: 1rem; overflow-wrap: anywhere; }
.verb { font: 600 .75rem/1 var(--mono); letter-spacing: .03em; color: var(--get); }
.verb.POST, .verb.PATCH { color: var(--post); }
.verb.DELETE { color: var(--delete); }
nav .verb { display: inline-block; width: 3.1rem; font-size: .6875rem; }
.tag { font-size: .75rem; color: var(--soft); border: 1px solid var(--line); border-radius: 99px; padding: .1rem .6rem; white-space: nowrap; }
.command { position: relative; margin: 0 0 1rem; max-width: 56rem; }
pre { margin: 0; padding: .875rem 1rem; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; overflow-x: auto; line-height: 1.5; tab-size: 2; }
.command pre { padding-right: 4.75rem; white-space: pre-wrap; overflow-wrap: anywhere; }
button.copy { position: absolute; top: .5rem; right: .5rem; font: 500 .75rem/1 inherit; font-family: inherit; padding: .45rem .6rem; color: var(--ink); background: var(--paper); border: 1px solid var(--line); border-radius: 6px; cursor: pointer; }
button.copy:hover { border-color: var(--accent); color: var(--accent); }
button.copy:focus-visible, a:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
dl { margin: 0; max-width: 56rem; }
dl > div { display: grid; grid-template-columns: 14rem 1fr; gap: 0 1.25rem; padding: .5rem 0; border-top: 1px solid var(--line); }
dl > div:last-child { border-bottom: 1px solid var(--line); }
dt code { background: none; padding: 0; font-weight: 600; }
dt small, dd small { color: var(--soft); font-size: .8125rem; display: block; }
dd { margin: 0; }
details { margin: .75rem 0; max-width: 56rem; }
summary { cursor: pointer; color: var(--accent); padding: .25rem 0; }
details pre { margin-top: .5rem; }
@media (min-width: 62rem) {
  .columns { display: grid; grid-template-columns: 15rem minmax(0, 1fr); gap: 3rem; }
  .columns nav { position: sticky; top: 2rem; align-self: start; max-height: calc(100vh - 4rem); overflow-y: auto; }
  main section:first-child { border-top: 0; padding-top: 0; }
}
@media (max-width: 61.99rem) {
  .columns nav { border: 1px solid var(--line); border-radius: 8px; padding: .5rem 1rem; margin-bottom: 1.5rem; }
}
@media (max-width: 40rem) {
  .command pre { padding: 3rem 1rem .875rem; }
  dl > div { grid-template-columns: 1fr; }
  .frame { padding-top: 1.25rem; }
  nav a { padding: .45rem 0; }
}
`

export const PAGE_SCRIPT = `
document.addEventListener('click', async (event) => {
  const button = event.target.closest('button.copy')
  if (!button) return
  const command = button.parentElement.querySelector('pre')
  try {
    await navigator.clipboard.writeText(command.innerText)
    button.textContent = 'Copied'
  } catch {
    // Pages without HTTPS have no clipboard: mark the text, so that the keyboard can copy it.
    getSelection().selectAllChildren(command)
    button.textContent = 'Marked'
  }
  setTimeout(() => { button.textContent = 'Copy' }, 1500)
})
`
