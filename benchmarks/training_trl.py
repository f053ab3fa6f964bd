"""The script that a user of TRL alone would write, for `training` to be compared with.

    python benchmarks/training_trl.py TASK OUT ROWS_A_PASS

Prints the seconds from rows to saved weights, and the tokens of the rows, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer


def main() -> None:
    began = time.monotonic()
    file, out, rows_a_pass = sys.argv[1:]
    task = json.loads(Path(file).read_text())
    settings = task["settings"]
    torch.set_num_threads(2)
    tokenizer = AutoTokenizer.from_pretrained(task["base"])
    answers = [[{"role": "assistant", "content": each["row"]["output"]}] for each in task["rows"]]
    rows = Dataset.from_dict({"prompt": [each["asked"] for each in task["rows"]], "completion": answers})
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(task["base"], dtype=torch.float32),
        processing_class=tokenizer,
        train_dataset=rows,
        args=SFTConfig(
            output_dir=out,
            num_train_epochs=settings["epochs"],
            per_device_train_batch_size=int(rows_a_pass),
            gradient_accumulation_steps=settings["batch"] // int(rows_a_pass),
            learning_rate=settings["learning_rate"],
            lr_scheduler_type=settings["schedule"],
            warmup_steps=settings["warmup"],
            weight_decay=settings["weight_decay"],
            max_grad_norm=settings["clip"],
            max_length=settings["max_length"],
            seed=42,
            logging_steps=1,
            save_strategy="no",
            # Where there is no GPU.
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            disable_tqdm=True,
        ),
    )
    trainer.train()
    trainer.save_model(out)
    seconds = time.monotonic() - began
    tokens = sum(map(len, trainer.train_dataset["input_ids"]))
    print(json.dumps({"seconds": seconds, "tokens": tokens, "steps": trainer.state.global_step}))


if __name__ == "__main__":
    main()
