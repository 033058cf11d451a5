#!/bin/sh
# Puts the official Python package and what it needs to speak with Turbo on a CPU into a virtual environment, for
# `npm run bench:engine -- --official --python FOLDER/bin/python`:
#   bench/install-official.sh FOLDER
# TORCH chooses another PyTorch, e.g. TORCH='torch --index-url https://download.pytorch.org/whl/cpu'.
# The package pins torch 2.6.0 and pulls in a web interface and text tools for other languages; neither is installed.
set -eu
folder=${1:?Usage: bench/install-official.sh FOLDER}
python3 -m venv "$folder"
pip="$folder/bin/pip --disable-pip-version-check"
$pip install ${TORCH:-torch==2.13.0}
$pip install --no-deps chatterbox-tts==0.1.7 s3tokenizer diffusers==0.29.0 conformer==0.3.2 resemble-perth pyloudnorm torchaudio
$pip install 'numpy<2' 'setuptools<81' transformers==5.2.0 librosa==0.11.0 safetensors omegaconf einops onnx pillow \
  importlib_metadata requests
# torchaudio's shared libraries want CUDA. Without them it runs in pure Python, where its resampler and filter banks live anyway.
"$folder/bin/python" -c 'import torch, sys; sys.exit(torch.version.cuda is not None)' &&
  rm -f "$folder"/lib/python*/site-packages/torchaudio/lib/*.so
"$folder/bin/python" -W ignore -c 'import chatterbox.tts_turbo'
echo "Installed. Now: npm run bench:engine -- --official --python $folder/bin/python"
