// Preloaded into a server that is to have a fault: `jobs/finish.js` is replaced by the mutant that CHAOS_MUTANT names. The product
// itself has no switch for it.
import { register } from 'node:module'

register('./replace-module.js', import.meta.url)
