// The committed documents that are made from src/contract: where they lie and what they must say.
import path from 'node:path'
import { packageRoot, version } from '../../src/config.ts'
import { buildOpenApi } from '../../src/contract/openapi.ts'
import { apiPage } from './api-page.ts'
import { errorsPage } from './errors-page.ts'

export function generatedDocuments(): { path: string; text: string }[] {
  return [
    {
      path: path.join(packageRoot, 'docs/openapi.json'),
      text: `${JSON.stringify(buildOpenApi(version, 'http://localhost:8080'), null, 2)}\n`,
    },
    { path: path.join(packageRoot, 'docs/errors.md'), text: errorsPage() },
    { path: path.join(packageRoot, 'docs/api.md'), text: apiPage() },
  ]
}
