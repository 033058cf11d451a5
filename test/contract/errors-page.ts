// docs/errors.md: a heading for each code, in the order of the list.
import { ERRORS } from '../../src/contract/errors.ts'
import { ERROR_CODES } from '../../src/errors.ts'

export function errorsPage(): string {
  const sections = ERROR_CODES.map((code) => {
    const { status, when, remedy } = ERRORS[code]
    return `### \`${code}\`\n\nStatus **${status}**. ${when}\n\n${remedy}\n`
  })
  return `<!-- Made from src/contract/errors.ts; a test compares. -->
# Errors

Every error, on every route and with every status, has this JSON body:

\`\`\`json
{
  "error": "temperature must be between 0.05 and 2.",
  "code": "invalid_parameter",
  "param": "temperature",
  "request_id": "47411f110c6fa4fe05dcb9ffed2c1962"
}
\`\`\`

\`error\` is for people. \`code\` is for programs and comes from the closed list below. \`param\` names the one field at fault,
where there is one. \`request_id\` equals the \`x-request-id\` header and stands in the server's log.
An error is never charged.

A request is checked in this order, and the first failure is the answer: path (404, 410), verb (405), key (401),
permission (403), rate limit (429), content type (406), body (400, 413), parameters (400), credits (406).

## Codes

${sections.join('\n')}`
}
