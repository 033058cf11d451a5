"""Times the stages of the official PyTorch code on request; bench/official.ts starts it and times ours in between.

Uses the published package chatterbox-tts through its own classes (bench/install-official.sh puts it into a virtual environment).
`python official.py CHECKPOINT RECORDING.wav THREADS` loads a Turbo checkpoint and answers on stdout with one JSON line for itself and
one for every line on stdin: {"stage": NAME, "seed": N} → {"ms": wall time, "coreMs": processor time of all threads, ...}.
The implicit watermark that the package puts on its output is a stage of its own and no part of the others.
"""
import json
import os
import sys
import time

answers = os.fdopen(os.dup(1), "w", buffering=1)
sys.stdout = sys.stderr  # the package prints while it works

TEXT_TOKENS = 24
SPEECH_TOKENS = 250
STEPS = 10
WIDTH = 1024


def main(checkpoint, recording, threads):
    import torch
    import transformers
    import chatterbox
    from chatterbox.models.s3gen.const import S3GEN_SIL
    from chatterbox.tts_turbo import ChatterboxTurboTTS

    torch.set_num_threads(threads)
    model = ChatterboxTurboTTS.from_local(checkpoint, "cpu")
    model.prepare_conditionals(recording)
    speech_tokens = torch.tensor([(i * 7919) % 6561 for i in range(SPEECH_TOKENS)] + [S3GEN_SIL] * 3)
    text_tokens = torch.tensor([[200 + 31 * i for i in range(TEXT_TOKENS)]])
    mel = torch.randn(1, 80, 2 * len(speech_tokens)) - 5
    samples = 0.1 * torch.randn(960 * len(speech_tokens)).numpy()
    pasts = {}

    def encode_voice():
        model.prepare_conditionals(recording)

    @torch.inference_mode()
    def prefill():
        start = torch.full((1, 1), model.t3.hp.start_speech_token)
        rows, _ = model.t3.prepare_input_embeds(
            t3_cond=model.conds.t3, text_tokens=text_tokens, speech_tokens=start, cfg_weight=0.0
        )
        hidden = model.t3.tfmr(inputs_embeds=rows, use_cache=True)[0]
        model.t3.speech_head(hidden[:, -1:])
        return {"rows": rows.shape[1]}

    @torch.inference_mode()
    def steps(past):
        token = torch.tensor([[1]])
        for _ in range(STEPS):
            outputs = model.t3.tfmr(
                inputs_embeds=model.t3.speech_emb(token), past_key_values=pasts[past], use_cache=True
            )
            pasts[past] = outputs.past_key_values
            model.t3.speech_head(outputs[0])
        return {"repeats": STEPS}

    @torch.inference_mode()
    def reset(past):
        if past not in pasts:
            rows = torch.randn(1, past, WIDTH)
            pasts[past] = model.t3.tfmr(inputs_embeds=rows, use_cache=True).past_key_values
        pasts[past].crop(past)

    def flow():
        model.s3gen.flow_inference(speech_tokens, ref_dict=model.conds.gen, n_cfm_timesteps=2, finalize=True)

    def vocoder():
        model.s3gen.hift_inference(mel)

    def speak():
        """What generate() does, with a fixed number of tokens: they alone are timed, never a shorter utterance."""
        tokens = model.t3.inference_turbo(t3_cond=model.conds.t3, text_tokens=text_tokens, max_gen_len=SPEECH_TOKENS - 1)
        spoken = tokens.shape[-1]
        tokens = tokens[tokens < 6561]
        tokens = torch.cat([tokens, torch.tensor([S3GEN_SIL] * 3)])
        wav, _ = model.s3gen.inference(speech_tokens=tokens, ref_dict=model.conds.gen, n_cfm_timesteps=2)
        return {"tokens": spoken, "samples": wav.shape[-1]}

    def watermark():
        model.watermarker.apply_watermark(samples, sample_rate=model.sr)

    stages = {"encode voice": encode_voice, "prefill": prefill, "flow": flow, "vocoder": vocoder}
    stages |= {"speak": speak, "watermark": watermark}
    answers.write(json.dumps({
        "chatterbox": chatterbox.__version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "threads": torch.get_num_threads(),
    }) + "\n")
    for line in sys.stdin:
        request = json.loads(line)
        stage, past = request["stage"], request.get("past")
        torch.manual_seed(request["seed"])
        all_cpu = time.process_time()
        if stage == "step":
            reset(past)
        begin, cpu = time.perf_counter(), time.process_time()
        result = (steps(past) if stage == "step" else stages[stage]()) or {}
        ms, core_ms = 1000 * (time.perf_counter() - begin), 1000 * (time.process_time() - cpu)
        all_core_ms = 1000 * (time.process_time() - all_cpu)
        repeats = result.pop("repeats", 1)
        answers.write(json.dumps({"ms": ms / repeats, "coreMs": core_ms / repeats, "allCoreMs": all_core_ms, **result}) + "\n")


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
