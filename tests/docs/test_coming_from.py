"""docs/coming-from.md: whatever it names exists, and no flag or key of the systems that it comes from is missing."""

import re

import pytest

from doctables import DOCS, NOTHING, Row, names, problem, rows

PAGE = DOCS / "coming-from.md"

# Section -> the recipe that its settings are of, and every script, flag and key that the system has.
SYSTEMS: dict[str, tuple[str, str]] = {
    "CLMR, version 2": (
        "clmr",
        """preprocess.py main.py linear_evaluation.py export.py evaluation.py extract_representations.py
        preprocess.py_--dataset preprocess.py_--dataset_dir preprocess.py_--sample_rate
        export.py_--checkpoint_path export.py_--finetuner_checkpoint_path export.py_--n_classes
        workers dataset_dir seed batch_size dataset supervised projection_dim optimizer learning_rate weight_decay
        temperature checkpoint_path finetuner_mlp finetuner_checkpoint_path finetuner_max_epochs
        finetuner_batch_size finetuner_learning_rate audio_length sample_rate transforms_polarity transforms_noise
        transforms_gain transforms_filters transforms_delay transforms_pitch transforms_reverb defaults
        --gpus --accelerator --max_epochs --resume_from_checkpoint
        magnatagatune msd gtzan librispeech audio concat_clip ContrastiveDataset Compose ComposeMany RandomApply
        RandomResizedCrop PolarityInversion Noise Gain HighLowPass HighPassFilter LowPassFilter Delay PitchShift Reverb
        Reverse SampleCNN SampleCNNXL ShortChunkCNN_Res SincNet --time_domain_0 Projector LARS""",
    ),
    "CLMR, version 1": (
        "clmr",
        """main.py linear_evaluation.py --perc_train_data --onepos --load_ram --ablation projector_layers SimCLR CPC
        BYOL load_encoder torch.distributed.launch results.json web/tagger web/latent_listening validation/visualisation
        clmr_checkpoint_1550.pt clmr_checkpoint_10000.zip finetuner_checkpoint_200.zip""",
    ),
    "SemiSupCon": (
        "semisupcon",
        """pretrain.py finetune.py test.py zero_shot_eval.py scripts/purge_wandb.py
        --config --trainer.* --model.* --data.* --log --log_model --ckpt_path --resume_id --resume_from_checkpoint
        --head_checkpoint --test --early_stopping_patience --project --checkpoint --prototype_p
        data_dir sl_task ssl_task target_length target_sample_rate n_augmentations transform batch_size num_workers
        val_split test_split use_test_set supervised_data_p fully_supervised intrabatch_supervised_p severity_modifier
        test_transform aug_list sl_kwargs encoder optimizer temperature pos_thresh freeze_encoder checkpoint mlp_head
        checkpoint_head task pretrain_sl.yaml pretrain_smsl.yaml pretrain_ssl.yaml pretrain_smsl_tuneplus.yaml
        cross-dataset finetuning/main_results from_scratch severity_experiments
        mtat_top50 mtat_all fma gtzan giantsteps emomusic nsynth_pitch nsynth_instr_family nsynth_instr
        nsynth_qualities vocalset_singer vocalset_technique mtg_top50 mtg_genre mtg_instr mtg_mood medleydb medleydb_raw
        csv_path audio_path train_annotations_path val_annotations_path test_annotations_path train_audio_path
        train_annotations_txt test_audio_path path_dir path medleydb_path medleydb_audio_path
        gain polarity_inversion add_colored_noise filtering pitch_shift delay timestretch splice reverb chorus
        distortion compression reverse bitcrush mp3 SampleCNN TunePlus SampleCNNXL eval_layer
        semisl_loss sl_loss ssl_loss val_semisl_loss new_augmentations/only tier2_only with""",
    ),
    "Choi et al.": (
        "choi",
        """main.py --USE_YAML_CONFIG --VERBOSE --MODE --CURR_DATASET --CURR_DATA_SPLIT --FULL_DATA_PATH --EXP_INFO
        --MODEL_INFO --AUDIO_REPR --AUDIO_ENCODER --POS_STRATEGY --NEG_STRATEGY --POS_WAV_AUG --ANCHOR_WAV_AUG
        --POS_SPEC_AUG --ANCHOR_SPEC_AUG --EMB_DIM --EPOCH_FROM --INFONCE_TAO --MAX_AUDIO_LENGTH_SEC
        --SEGMENT_LENGTH_SEC --ADJACENT_SPACE_SEC --NUM_CPC_INPUT_STEPS --NUM_CPC_PREDICTIONS --BATCH_SIZE --NUM_EPOCHS
        --NUM_WORKERS --LR --STOPPING_LR --MOMENTUM --LR_FACTOR --LR_PATIENCE --SAVE_PER_EPOCH --LOSS_CHECK_PER --GPU
        --SAVE_DIR_PATH --LOAD_WEIGHT_FROM self random random-wo-repl adjacent
        AUDIO_REPR_PRECOMPUTED SR FFT_SIZE WINDOW_SIZE HOP_SIZE NUM_SPEC_BINS NUM_MEL_BINS NUM_CQT_BINS IS_POS_SAMPLING
        IS_FULL_AUDIO TS_LOW TS_HIGH PS_LOW PS_HIGH MSD FMA_small IRMAS BEATLES AOTM SALAMI
        _tr_id_list.txt _tr_wav_path_list.txt""",
    ),
    "PlaylistContrastive": (
        "playlist_hybrid",
        """train.py --config preprocessing/melon_LMDB_creation.py preprocessing/data_split.py run_playlist_cont.py
        epochs early_stop_patience min_cache_batches devices save_model_loc wandb_params project run_id run_name
        contrast_combos [audio,audio_self] [audio,cf] [audio,genre_w2v] [cf,genre_w2v] pair_generation_method mixup
        mixup_alpha mixup_beta batch_size num_workers num_read_ind_batches lmdb_cache_file lmdb_cache_inds_file
        data_split_files sound_tags_file cf_emb_file max_num_tags double_window playlist_file_dir val_pairs_file
        genre_co_file artist_co_file backbone_type fc_hidden_dim fc_output_dim fc_dropout fc_hidden_batch_norm
        fc_output_layer_norm input_dim hidden_dim output_dim dropout hidden_batch_norm output_layer_norm n_head d_model
        d_k d_v emb_file lr contrastive_temperature DenseEncoder DownstreamModel get_backbone get_model load_config""",
    ),
    "MSCOL and COLA": (
        "mscol",
        """get_wavs.sh get_stems.sh downsample_wavs.sh preprocess_mtat.py preprocess_multitracks.py preprocess_fma.py
        preprocess_nsynth.py mtat_read.py pretraining.py --silent --mask --sources --targets --train DATAPATH MODEL_DIR
        DATASET_DIR downstream_mtat_filt.py downstream_mtat_ufilt.py downstream_nsynth.py downstream_genre.py""",
    ),
}
MAPPED = [row for row in rows(PAGE) if "theirs" in row.cells]


@pytest.mark.parametrize("row", MAPPED, ids=str)
def test_what_a_row_names_exists(row: Row) -> None:
    ours, (recipe, _) = row.cells["ours"], SYSTEMS[row.sections[1]]
    if ours == NOTHING:
        assert row.cells["note"], f"{row}: there is nothing of ours, and the note does not say why"
        return
    assert re.fullmatch(r"`[^`]+`(, `[^`]+`)*", ours), f"{row}: not a list of names in backticks"
    for name in names(ours):
        found = problem(name, recipe=recipe)
        assert not found, f"{row}: {name}: {found}"


@pytest.mark.parametrize("system", SYSTEMS)
def test_no_flag_or_key_is_missing(system: str) -> None:
    mapped = {name for row in MAPPED if row.sections[1] == system for name in names(row.cells["theirs"])}
    wanted = {word.replace("_--", " --").replace("_0", " 0") for word in SYSTEMS[system][1].split()}
    assert mapped, "no table"
    assert not wanted - mapped


def test_every_section_has_what_is_different_on_purpose() -> None:
    for system in SYSTEMS:
        told = [row for row in rows(PAGE) if "there" in row.cells and row.sections[1] == system]
        assert told, system
        assert all(all(row.cells.values()) for row in told), system


@pytest.mark.parametrize(
    "name",
    ["contramuse trian", "contramuse train --minuts", "contramuse train nothing",
     "contramuse finetune --head lineal", "contramuse data gzan", "contramuse data gtzan split=none",
     "recipe clrm", "encoder: cnn",
     "parts: x", "train.bacth", "train.batch=many", "contrasts.7.weight", "cola views.mix", "contramuse.laod",
     "contramuse.x.y"],
)  # fmt: skip
def test_names_that_do_not_exist_are_found_out(name: str) -> None:
    assert problem(name, recipe="clmr")
