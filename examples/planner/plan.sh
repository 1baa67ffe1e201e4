# Prints a plan: two tasks for each note, and one that needs them all. Those that are printed run while the rest is being written.
printf '{"tasks": {\n'
all="" count=0
for note in notes/*.md; do
    count=$((count + 1))
    printf '  "note%s": {"uses": "exec", "effect": "none", "with": {"argv": ["cat", "%s"]}},\n' "$count" "$note"
    printf '  "short%s": {"uses": "chat", "with": {"prompt": "%s: <text>${{ tasks.note%s.output.stdout }}</text>"}},\n' \
        "$count" "Say in one sentence" "$count"
    all="$all \${{ tasks.short$count.output.text }}"
    sleep 0.2   # it thinks, as a model does
done
printf '  "all": {"uses": "chat", "with": {"prompt": "What do these say together? <text>%s</text>"}}\n}}\n' "$all"
