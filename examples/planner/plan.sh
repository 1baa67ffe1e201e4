# Prints a plan: two tasks for each note, and one that needs them all.
echo "tasks:"
all="" count=0
for note in notes/*.md; do
    count=$((count + 1))
    echo "  note$count: { uses: exec, effect: none, with: { argv: [cat, '$note'] } }"
    echo "  short$count: { uses: chat, with: { prompt: 'Say in one sentence: <text>\${{ tasks.note$count.output.stdout }}</text>' } }"
    all="$all \${{ tasks.short$count.output.text }}"
done
echo "  all: { uses: chat, with: { prompt: 'What do these say together? <text>$all</text>' } }"
