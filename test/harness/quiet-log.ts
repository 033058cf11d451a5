// For what logs and is not asked about it.
import { createLog } from '../../src/log.ts'

export const quietLog = createLog({ LOG_LEVEL: 'silent', LOG_FORMAT: 'json' })
