// The values of a synthetic checkpoint: a formula of the tensor's name and the element's index, the same in every language.
// Such weights sound like nothing; they make two implementations of the same network comparable without the real ones.
import { invariant } from '../../errors.ts'
import { elementCount } from '../checkpoint/safetensors.ts'

/** How far a value may lie from its base: `A` absolute; `F1` amount · √(3 / fan-in) with fan-in = all axes but the first, `F0` = the first. */
type Mode = 'A' | 'F0' | 'F1'

/** [name, base, mode, amount]; the first match decides. Chosen so that activations stay in the range of the real model. */
const RULES: readonly (readonly [RegExp, number, Mode, number])[] = [
  [/^tfmr\.wte\.weight$/, 0, 'A', 1],
  [/^tfmr\.wpe\.weight$/, 0, 'A', 0.4],
  [/^tfmr\.h\.\d+\.attn\.c_attn\.weight$/, 0, 'F0', 1.2],
  [/^tfmr\.h\.\d+\.(attn|mlp)\.c_proj\.weight$/, 0, 'F0', 0.6],
  [/^tfmr\.h\.\d+\.mlp\.c_fc\.weight$/, 0, 'F0', 1.2],
  [/^tfmr\..*\.?ln_(1|2|f)\.weight$/, 1, 'A', 0.1],
  [/^(text|speech)_emb\.weight$/, 0, 'A', 1],
  [/^text_head\.weight$/, 0, 'F1', 1],
  [/^speech_head\.weight$/, 0, 'F1', 3],
  [/^speech_head\.bias$/, 0, 'A', 0.2],
  [/^cond_enc\.spkr_enc\.weight$/, 0, 'F1', 10],
  [/^similarity_weight$/, 10, 'A', 0],
  [/^similarity_bias$/, -5, 'A', 0],
  [/^lstm\.weight_ih_l0$/, 0, 'F1', 6],
  [/^lstm\.weight_(ih|hh)_l\d$/, 0, 'F1', 1.5],
  [/^lstm\.bias_(ih|hh)_l\d$/, 0, 'A', 0.1],
  [/^proj\.weight$/, 0, 'F1', 2],
  [/^tokenizer\.encoder\.conv[12]\.weight$/, 0, 'F1', 1.5],
  [/^tokenizer\.encoder\.blocks\.\d\.attn\.(query|key)\.weight$/, 0, 'F1', 1.5],
  [/^tokenizer\.encoder\.blocks\.\d\.attn\.value\.weight$/, 0, 'F1', 1],
  [/^tokenizer\.encoder\.blocks\.\d\.attn\.out\.weight$/, 0, 'F1', 0.6],
  [/^tokenizer\.encoder\.blocks\.\d\.attn\.fsmn_block\.weight$/, 0, 'F1', 0.5],
  [/^tokenizer\.encoder\.blocks\.\d\.mlp\.0\.weight$/, 0, 'F1', 1.2],
  [/^tokenizer\.encoder\.blocks\.\d\.mlp\.2\.weight$/, 0, 'F1', 0.8],
  [/^tokenizer\.encoder\.blocks\.\d\.(attn|mlp)_ln\.weight$/, 1, 'A', 0.1],
  [/^tokenizer\.quantizer\._codebook\.project_down\.weight$/, 0, 'F1', 0.8],
  [/\.running_mean$/, 0, 'A', 0.1],
  [/\.running_var$/, 1, 'A', 0.2],
  [/^speaker_encoder\.head\.conv1\.weight$/, 0, 'F1', 0.4],
  [
    /^speaker_encoder\.(head\.bn[12]|head\.layer[12]\.\d\.(bn[12]|shortcut\.1)|xvector\..*batchnorm)\.weight$/,
    1,
    'A',
    0.1,
  ],
  [
    /^speaker_encoder\.(head\.bn[12]|head\.layer[12]\.\d\.(bn[12]|shortcut\.1)|xvector\..*batchnorm)\.bias$/,
    0,
    'A',
    0.1,
  ],
  [/^speaker_encoder\.head\.layer[12]\.\d\.shortcut\.0\.weight$/, 0, 'F1', 1],
  [/^speaker_encoder\.xvector\.dense\.linear\.weight$/, 0, 'F1', 1],
  [/^speaker_encoder\..*\.weight$/, 0, 'F1', 1.4],
  [/^flow\.input_embedding\.weight$/, 0, 'A', 1.7],
  [/^flow\.spk_embed_affine_layer\.weight$/, 0, 'F1', 10],
  [/^flow\.encoder\.(up_)?embed\.out\.0\.weight$/, 0, 'F1', 1],
  [/^flow\.encoder\.(up_)?embed\.out\.1\.weight$/, 0.15, 'A', 0.02],
  [/^flow\.encoder\.pre_lookahead_layer\.conv1\.weight$/, 0, 'F1', 1],
  [/^flow\.encoder\.pre_lookahead_layer\.conv2\.weight$/, 0, 'F1', 0.7],
  [/^flow\.encoder\.up_layer\.conv\.weight$/, 0, 'F1', 1],
  [/^flow\.encoder\.(up_)?encoders\.\d\.norm_(mha|ff)\.weight$/, 1, 'A', 0.1],
  [/^flow\.encoder\.after_norm\.weight$/, 1, 'A', 0.1],
  [/^flow\.encoder\.(up_)?encoders\.\d\.self_attn\.pos_bias_[uv]$/, 0, 'A', 0.5],
  [/^flow\.encoder\.(up_)?encoders\.\d\.self_attn\.linear_(q|k|pos)\.weight$/, 0, 'F1', 1.2],
  [/^flow\.encoder\.(up_)?encoders\.\d\.self_attn\.linear_v\.weight$/, 0, 'F1', 1],
  [/^flow\.encoder\.(up_)?encoders\.\d\.self_attn\.linear_out\.weight$/, 0, 'F1', 1.5],
  [/^flow\.encoder\.(up_)?encoders\.\d\.feed_forward\.w_1\.weight$/, 0, 'F1', 1.2],
  [/^flow\.encoder\.(up_)?encoders\.\d\.feed_forward\.w_2\.weight$/, 0, 'F1', 1.5],
  [/^flow\.encoder_proj\.weight$/, 0, 'F1', 1],
  [/^flow\.encoder_proj\.bias$/, 0, 'A', 1],
  [/^flow\.decoder\.estimator\.time_mlp\.linear_[12]\.weight$/, 0, 'F1', 1.4],
  [/^flow\.decoder\.estimator\.time_embed_mixer\.weight$/, 0, 'F1', 1.4],
  [/^flow\.decoder\.estimator\..*\.mlp\.1\.weight$/, 0, 'F1', 1],
  [/^flow\.decoder\.estimator\..*block[12]?\.block\.0\.weight$/, 0, 'F1', 1.4],
  [/^flow\.decoder\.estimator\..*block[12]?\.block\.2\.weight$/, 1, 'A', 0.1],
  [/^flow\.decoder\.estimator\..*\.res_conv\.weight$/, 0, 'F1', 0.9],
  [/^flow\.decoder\.estimator\..*\.norm[13]\.weight$/, 1, 'A', 0.1],
  [/^flow\.decoder\.estimator\..*\.attn1\.to_[qk]\.weight$/, 0, 'F1', 1.2],
  [/^flow\.decoder\.estimator\..*\.attn1\.to_v\.weight$/, 0, 'F1', 1],
  [/^flow\.decoder\.estimator\..*\.attn1\.to_out\.0\.weight$/, 0, 'F1', 0.6],
  [/^flow\.decoder\.estimator\..*\.ff\.net\.0\.proj\.weight$/, 0, 'F1', 1.2],
  [/^flow\.decoder\.estimator\..*\.ff\.net\.2\.weight$/, 0, 'F1', 0.6],
  [/^flow\.decoder\.estimator\.(down|up)_blocks\.0\.2\.weight$/, 0, 'F1', 1],
  [/^flow\.decoder\.estimator\.final_proj\.weight$/, 0, 'F1', 4],
  [/^flow\.decoder\.estimator\.final_proj\.bias$/, -4, 'A', 0.5],
  [/^mel2wav\.f0_predictor\.condnet\.0\.parametrizations\.weight\.original0$/, 0.3, 'A', 0.03],
  [/^mel2wav\.f0_predictor\.condnet\.\d\.parametrizations\.weight\.original0$/, 1.5, 'A', 0.15],
  [/^mel2wav\.f0_predictor\.classifier\.weight$/, 0, 'F1', 100],
  [/^mel2wav\.f0_predictor\.classifier\.bias$/, -28, 'A', 0],
  [/^mel2wav\.m_source\.l_linear\.weight$/, 0, 'A', 2],
  [/^mel2wav\.conv_pre\.parametrizations\.weight\.original0$/, 0.25, 'A', 0.025],
  [/^mel2wav\.ups\.0\.parametrizations\.weight\.original0$/, 2, 'A', 0.2],
  [/^mel2wav\.ups\.1\.parametrizations\.weight\.original0$/, 1.6, 'A', 0.16],
  [/^mel2wav\.ups\.2\.parametrizations\.weight\.original0$/, 1.25, 'A', 0.125],
  [/^mel2wav\.conv_post\.parametrizations\.weight\.original0$/, 0.5, 'A', 0.05],
  [/^mel2wav\.conv_post\.bias$/, -1, 'A', 0.5],
  [/^mel2wav\..*\.convs1\.\d\.parametrizations\.weight\.original0$/, 1, 'A', 0.1],
  [/^mel2wav\..*\.convs2\.\d\.parametrizations\.weight\.original0$/, 0.5, 'A', 0.05],
  [/^mel2wav\..*\.parametrizations\.weight\.original1$/, 0, 'A', 1],
  [/^mel2wav\.source_downs\.\d\.weight$/, 0, 'F1', 1],
  [/\.alpha$/, 1, 'A', 0.2],
  [/bias$/, 0, 'A', 0.02],
]

/** Elements per chunk: 4 MiB of float32. */
const CHUNK_ELEMENTS = 1 << 20

/**
 * The float32 values of a tensor in pieces. Element i is base + s · u with u in [-1, 1) a multiple of 2^-23, hashed from i and
 * the FNV-1a of the name; computed in float64, rounded to float32 once. The chunk is reused: consume it before the next.
 */
export function* formulaValues(name: string, shape: readonly number[]): Generator<Float32Array> {
  const { base, spread } = ruleOf(name, shape)
  const seed = fnv1a(name)
  const count = elementCount(shape)
  const chunk = new Float32Array(Math.min(count, CHUNK_ELEMENTS))
  for (let begin = 0; begin < count; begin += chunk.length) {
    const length = Math.min(chunk.length, count - begin)
    let state = (seed + Math.imul(begin, 0x9e3779b9)) | 0
    for (let i = 0; i < length; i++) {
      let x = state
      x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
      x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
      x ^= x >>> 16
      chunk[i] = base + spread * (((x >>> 8) - 8388608) * 2 ** -23)
      state = (state + 0x9e3779b9) | 0
    }
    yield chunk.subarray(0, length)
  }
}

function ruleOf(name: string, shape: readonly number[]): { base: number; spread: number } {
  const rule = RULES.find(([pattern]) => pattern.test(name))
  invariant(rule, `no rule for tensor ${name}`)
  const [, base, mode, amount] = rule
  if (mode === 'A') return { base, spread: amount }
  const fanIn = mode === 'F0' ? (shape[0] ?? 1) : elementCount(shape.slice(1))
  return { base, spread: amount * Math.sqrt(3 / fanIn) }
}

/** FNV-1a, 32 bit. https://datatracker.ietf.org/doc/html/draft-eastlake-fnv */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
