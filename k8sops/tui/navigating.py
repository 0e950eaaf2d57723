"""Moving about: what is typed after the colon, the way into objects and back, other namespaces and other contexts.

A base of the screen of tables. It decides which table comes next and asks the session for it; what is said and
shown is the subclass's.
"""

from __future__ import annotations

import msgspec
from textual.actions import SkipAction
from textual.message import Message

from k8sops.core.clock import Clock
from k8sops.core.contexts import Contexts
from k8sops.core.errors import K8sOpsError, UsageError
from k8sops.core.plan import ClusterInfo, Target
from k8sops.core.screen import NoMemory
from k8sops.core.tables import FeedState, LiveRows, Row, TableQuery
from k8sops.core.text import counted
from k8sops.tui import commands, session
from k8sops.tui.across import context_of, own_row
from k8sops.tui.acting.screen import Chosen
from k8sops.tui.browse_words import sentence
from k8sops.tui.column_set import ColumnChoice
from k8sops.tui.drill import CONTAINERS, SELECTING, owner_place, place_in, pod_of, pods_place
from k8sops.tui.jumping import TableHome
from k8sops.tui.kind_names import known_kind, known_plural
from k8sops.tui.live_table import LiveTable
from k8sops.tui.places import Favourites, Place, Trail, begun
from k8sops.tui.prompt import Prompt
from k8sops.tui.row_view import row_key
from k8sops.tui.screens import SCREENS, OpensFiltered
from k8sops.tui.sessions.screen import SessionsScreen
from k8sops.tui.shell.remembering import Remembered


class NavigatingScreen(SessionsScreen, TableHome):
    """Knows where it is and how it came there."""

    class _PodsFound(Message):
        """Which pods an object selects; no place where it selects none."""

        def __init__(self, row: Row, place: Place | None) -> None:
            super().__init__()
            self.row = row
            self.place = place

    class _Refused(Message):
        def __init__(self, error: K8sOpsError) -> None:
            super().__init__()
            self.error = error

    class _ContextsListed(Message):
        def __init__(self, names: tuple[str, ...], offered_for: K8sOpsError | None) -> None:
            super().__init__()
            self.names = names
            self.offered_for = offered_for

    def __init__(
        self,
        open_ops: session.Opener,
        start: TableQuery,
        clock: Clock,
        *,
        all_namespaces: bool,
        contexts: Contexts | None = None,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._session = session.Session(open_ops, self.post_message, clock)
        self._contexts = contexts
        self._trail = begun(Place(query=start))
        self._going: tuple[Trail, str | None] = (self._trail, None)
        self._wanted: commands.Browse | None = None
        self._favourites = Favourites()
        self._takes_default_namespace = not (start.namespace or all_namespaces)
        self._rows: LiveRows | None = None
        self._cluster: ClusterInfo | None = None
        self._context_names: tuple[str, ...] = ()
        self._failed_context: str | None = None
        """The one not reached while none is in use; empty: the one that is begun with."""
        self.chosen_columns: dict[str, ColumnChoice] = {}
        self.remembered = Remembered(NoMemory())
        """By kind, in the plural."""

    @property
    def _query(self) -> TableQuery:
        return self._trail.here.query

    @property
    def connection(self) -> session.Session:
        """The connection that everything goes through."""
        return self._session

    def chosen(self) -> Chosen:
        """The marked rows, else the one under the cursor; of containers their pod.

        None where one of them is of a cluster that is not the one in use.
        """
        rows = self._own_rows(self.query_one(LiveTable).chosen)
        if self._query.kind == CONTAINERS:
            return Chosen("pods", tuple(pod_of(self._query, row) for row in rows[:1]))
        return Chosen(self._query.kind, rows)

    def container_chosen(self) -> str:
        """In a table of containers, the one under the cursor."""
        row = self.query_one(LiveTable).selected_row if self._query.kind == CONTAINERS else None
        return row.name if row is not None else ""

    def _acted_on(self) -> Chosen:
        chosen = super()._acted_on()
        row = self.query_one(LiveTable).selected_row
        if not chosen.rows and row is not None:
            self._refuse_foreign(row)
            raise SkipAction
        return chosen

    def _own_rows(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        context = self._cluster.context if self._cluster is not None else ""
        own = tuple(found for row in rows if (found := own_row(row, context)) is not None)
        return own if len(own) == len(rows) else ()

    def _selected(self) -> Row | None:
        """The row under the cursor, if it is the used cluster's; else that is said."""
        row = self.query_one(LiveTable).selected_row
        if row is None:
            return None
        own = self._own_rows((row,))
        if not own:
            self._refuse_foreign(row)
        return own[0] if own else None

    def _refuse_foreign(self, row: Row) -> None:
        here, there = self._cluster.context if self._cluster is not None else "", context_of(row)
        if there != here:
            self.say(f"! {row.name} is in context {there}. Enter goes there; keys act in the context in use.")
        else:
            self.say(f"! Rows of other contexts are marked; only rows of {here} are acted on here.")

    def say(self, notice: str) -> None:
        """Show a sentence until the next move; empty: no more."""
        raise NotImplementedError

    def enter(self, state: FeedState) -> None:
        """Note how far the rows can be believed from now on."""
        raise NotImplementedError

    def on_live_table_opened(self, message: LiveTable.Opened) -> None:
        """Go into the chosen row: of a container to its log; describe what has nothing inside."""
        row, kind = message.row, self._query.kind
        own = self._own_rows((row,))
        if not own:
            self._follow_to_context(row)
            return
        row = own[0]
        if kind == CONTAINERS:
            self.action_logs()
        elif place := place_in(kind, row):
            self._go_into(row, place)
        elif known_plural(kind) in SELECTING:
            self.run_worker(self._find_pods(kind, row), group="drill", exclusive=True)
        else:
            self.action_describe()

    def on_navigating_screen__pods_found(self, message: _PodsFound) -> None:
        """Show them."""
        if message.place is None:
            self.say(f"{message.row.name} selects no pods.")
        else:
            self._go_into(message.row, message.place)

    def on_navigating_screen__refused(self, message: _Refused) -> None:
        """Say why."""
        self.say(f"✗ {sentence(message.error)}")

    def on_navigating_screen__contexts_listed(self, message: _ContextsListed) -> None:
        """Complete from them; where none was reached, let one be chosen."""
        self._context_names = message.names
        self.query_one(Prompt).commands.know_contexts(message.names)
        if message.offered_for is None or len(message.names) < 2 or not self.is_current:
            return
        if self.query_one(Prompt).is_open:
            # What is being typed must not fall into a list where Enter chooses a cluster.
            self.say("! :ctx lists the other contexts.")
        else:
            self._choose_context(f"✗ {sentence(message.offered_for)} Choose another context, or Esc.")

    def action_back(self) -> None:
        """Take away the last sentence, else the filter, else go back the way one came."""
        table = self.query_one(LiveTable)
        if table.filter.text:
            table.set_filter("")
        elif table.faults_only:
            table.action_faults()
        elif trail := self._trail.back():
            self._go(trail, trail.here.filter_text)

    def action_favourite(self, digit: int) -> None:
        """The same kind in all namespaces (0), or in one of those shown before."""
        namespace = self._favourites.at(digit)
        if namespace is None:
            self.say(f"! No namespace has the digit {digit} yet: {self._favourites.said}.")
            return
        query = msgspec.structs.replace(self._query, namespace=namespace)
        self._go(self._trail.replaced(msgspec.structs.replace(self._trail.here, query=query)))

    def action_step(self, by: int) -> None:
        """An earlier or later command."""
        if trail := self._trail.step(by):
            self._go(trail, trail.here.filter_text)

    def action_last_view(self) -> None:
        """The command before this one."""
        if trail := self._trail.toggled():
            self._go(trail, trail.here.filter_text)

    def action_owner(self) -> None:
        """The owner of the row, in its own table."""
        row = self._selected()
        if row is None:
            return
        if place := owner_place(row):
            self._go_into(row, place)
        else:
            self.say(f"{row.name} has no owner.")

    def action_describe(self) -> None:
        """Show the object under the cursor in words, with its events."""
        from k8sops.tui.describe_screen import DescribeScreen  # noqa: PLC0415 - loaded when opened

        if (row := self._selected()) is not None:
            self.app.push_screen(DescribeScreen(self._target_of(row), self._session, self._clock))

    def action_yaml(self) -> None:
        """Show the object under the cursor as YAML."""
        from k8sops.tui.detail import DetailScreen  # noqa: PLC0415 - loaded when opened

        if (row := self._selected()) is not None:
            self.app.push_screen(DetailScreen(self._target_of(row), self._session, self._clock))

    def open_place(self, place: Place) -> None:
        """Show another table, as if it had been typed."""
        self._go(self._trail.commanded(place), place.filter_text)

    def open_context(self, context: str) -> None:
        """Use another context, which was reached before."""
        self._switch(context)

    async def context_names(self) -> tuple[str, ...]:
        """The contexts there are."""
        if self._contexts is None:
            return (self._cluster.context,) if self._cluster is not None else ()
        return tuple(context.name for context in await self._contexts.listed())

    def _go_on_to(self, row: Row, place: Place) -> None:
        self._go_into(row, place)

    def action_columns(self) -> None:
        """Choose which columns are shown of this kind."""
        from k8sops.tui.columns_screen import ColumnsScreen  # noqa: PLC0415 - loaded when opened

        table, kind = self.query_one(LiveTable), self._query.kind
        plural = known_kind(kind)

        def asked() -> list[tuple[str, bool]]:
            shown = {column.title for column in table.columns}
            return [(column.title, column.title in shown) for column in table.every_column]

        def turned(title: str) -> None:

            choice = table.choice.turned(title, is_shown=dict(asked())[title]) if title else ColumnChoice()
            self.chosen_columns[plural] = choice
            table.choose(choice)

        if asked():
            self.app.push_screen(ColumnsScreen(plural, asked, turned))

    def columns_of(self, kind: str) -> ColumnChoice:
        """What was chosen for a kind."""
        return self.chosen_columns.get(known_kind(kind), ColumnChoice())

    def action_help(self) -> None:
        """Show every key."""
        from k8sops.tui.help import HelpScreen  # noqa: PLC0415 - it lists the keys of this very screen

        self.app.push_screen(HelpScreen())

    def _obey(self, text: str) -> None:
        try:
            command = commands.parse_command(text, self._query, self.query_one(Prompt).commands.served)
        except UsageError as error:
            self.say(f"✗ {sentence(error)}")
            return
        if isinstance(command, commands.Leave):
            from k8sops.tui.running.leaving import leave  # noqa: PLC0415 - loaded when needed

            leave(self.app, self._session)
        elif isinstance(command, commands.ShowHelp):
            self.action_help()
        elif isinstance(command, commands.OpenScreen):
            self._open_screen(command)
        elif isinstance(command, commands.Contexts):
            self._switch(command.name) if command.name else self._choose_context("")
        elif command.contexts:
            self._go_across(command)
        elif command.context:
            self._switch(command.context, command)
        elif not self._session.connected:
            # It is what is shown first when the cluster answers.
            self._wanted = command
        else:
            self._go(self._trail.commanded(command.place), command.filter_text)

    def _open_screen(self, command: commands.OpenScreen) -> None:
        screen = SCREENS[command.name](self._session, self._clock)
        if isinstance(screen, OpensFiltered):
            screen.opening_filter = command.filter_text
        elif command.filter_text:
            self.say(f"! :{command.name} has nothing that can be filtered.")
            return
        self.app.push_screen(screen)

    def _go(self, trail: Trail, filter_text: str | None = None) -> None:
        """Open the end of a trail; without a filter text the one in force stays."""
        self._going = (trail, filter_text)
        if self._rows is None:
            self._trail = trail
            self.enter(FeedState.LOADING)
            self.query_one(LiveTable).placeholder = f"Loading {trail.here.query.kind} …"
        self._session.browse(trail.here.query, trail.here.contexts)
        self.say("")

    def _go_into(self, row: Row, place: Place) -> None:
        filter_text = self.query_one(LiveTable).filter.text
        leaving = msgspec.structs.replace(
            self._trail.here, into=row.name, seek=row_key(row), filter_text=filter_text
        )
        self._go(self._trail.gone_into(leaving, place), place.filter_text)

    def _choose_context(self, why: str) -> None:
        from k8sops.tui.context_screen import ContextScreen  # noqa: PLC0415 - loaded when opened

        if self._contexts is None:
            self.say("! The contexts are not known here.")
            return
        in_use = self._cluster.context if self._cluster is not None else ""
        last = self.remembered.last_context
        failed = self._failed_context if self._cluster is None else None
        screen = ContextScreen(self._contexts, self._clock, in_use=in_use, last=last, failed=failed, why=why)
        self.app.push_screen(screen, self._switch)

    def _switch(self, context: str | None, wanted: commands.Browse | None = None) -> None:
        if not context:
            return
        if self._cluster is not None and context == self._cluster.context:
            if wanted is not None:
                self._go(self._trail.commanded(wanted.place), wanted.filter_text)
            return
        self._wanted = wanted
        self._session.connect(context)
        self.say(f"~ Reaching context {context} …")

    def _go_across(self, wanted: commands.Browse) -> None:
        names = self._context_names if commands.EVERY in wanted.contexts else wanted.contexts
        if not self._session.connected or not names:
            self.say("! The contexts are not known yet.")
            return
        place = msgspec.structs.replace(wanted.place, contexts=names)
        self._go(self._trail.commanded(place), wanted.filter_text)
        self.say(f"~ Reaching {counted(len(names), 'context')} …")

    def _follow_to_context(self, row: Row) -> None:
        query = msgspec.structs.replace(self._query, namespace=row.namespace)
        seek = row_key(own_row(row, context_of(row)) or row)
        self._switch(context_of(row), commands.Browse(query, seek=seek))

    def _target_of(self, row: Row) -> Target:
        kind = self._query.kind
        if kind == CONTAINERS:
            kind, row = "pods", pod_of(self._query, row)
        return Target(kind=kind, name=row.name, namespace=row.namespace, uid=row.uid)

    async def _find_pods(self, kind: str, row: Row) -> None:
        try:
            found = await self._session.object(kind, row.name, row.namespace)
        except K8sOpsError as error:
            self.post_message(self._Refused(error))
        else:
            self.post_message(self._PodsFound(row, pods_place(row, found)))

    async def _list_contexts(self, offered_for: K8sOpsError | None) -> None:
        if self._contexts is None:
            return
        try:
            names = tuple(context.name for context in await self._contexts.listed())
        except K8sOpsError:
            # Whoever asks for the list itself is told why there is none.
            return
        self.post_message(self._ContextsListed(names, offered_for))
