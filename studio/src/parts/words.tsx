import type { JSX } from 'preact'

/** What the server says, with what is typed or clicked in its `backticks` as code. */
export function Words({ text }: { readonly text: string }): JSX.Element {
  return (
    <>
      {text
        .split(/`([^`]+)`/)
        .map((part, index) => (index % 2 === 1 ? <code key={`${index}${part}`}>{part}</code> : part))}
    </>
  )
}
