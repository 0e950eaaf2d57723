"""users.*, usergroups.*, team.info, bots.info, auth.test: who is who."""

from __future__ import annotations

from k8sops_local_slack.refusals import Refusal
from k8sops_local_slack.web.arguments import Arguments
from k8sops_local_slack.web.method import Answer, Method
from k8sops_local_slack.web.tiers import Tier
from k8sops_local_slack.workspace import User, Usergroup
from k8sops_local_slack.world import World


def user_fields(world: World, user: User) -> Answer:
    """Write a person the way the API shows them; the address only where the app may read it."""
    profile = {"real_name": user.real_name, "display_name": user.name, "title": "", "team": user.team_id}
    if "users:read.email" in world.workspace.app.scopes and user.email:
        profile["email"] = user.email
    fields: Answer = {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "real_name": user.real_name,
        "deleted": user.deleted,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "tz": user.tz,
        "tz_label": user.tz,
        "tz_offset": user.tz_offset,
        "profile": profile,
    }
    enterprise = world.workspace.enterprise_id
    if enterprise:
        fields["enterprise_user"] = {"id": user.id, "enterprise_id": enterprise, "teams": [user.team_id]}
    return fields


def users_info(world: World, arguments: Arguments) -> Answer:
    """Look a person up by id."""
    user = world.workspace.users.get(arguments.text("user"))
    if user is None:
        raise Refusal("user_not_found")
    return {"user": user_fields(world, user)}


def lookup_by_email(world: World, arguments: Arguments) -> Answer:
    """Look a person up by address; people who left are not found."""
    email = arguments.text("email").lower()
    user = next(
        (u for u in world.workspace.users.values() if u.email.lower() == email and not u.deleted), None
    )
    if user is None:
        raise Refusal("users_not_found")
    return {"user": user_fields(world, user)}


def _group_fields(world: World, group: Usergroup, *, with_users: bool) -> Answer:
    fields: Answer = {
        "id": group.id,
        "team_id": world.workspace.team_id,
        "is_usergroup": True,
        "name": group.name,
        "handle": group.handle,
        "date_delete": 1 if group.disabled else 0,
        "user_count": len(group.users),
    }
    return fields | ({"users": group.users} if with_users else {})


def usergroups_list(world: World, arguments: Arguments) -> Answer:
    """List the groups; disabled ones and members only when asked for."""
    disabled = arguments.flag("include_disabled")
    groups = [group for group in world.workspace.usergroups.values() if disabled or not group.disabled]
    users = arguments.flag("include_users")
    return {"usergroups": [_group_fields(world, group, with_users=users) for group in groups]}


def usergroup_users(world: World, arguments: Arguments) -> Answer:
    """List the people of a group."""
    group = world.workspace.usergroups.get(arguments.text("usergroup"))
    if group is None or (group.disabled and not arguments.flag("include_disabled")):
        raise Refusal("no_such_subteam")
    return {"users": group.users}


def team_info(world: World, arguments: Arguments) -> Answer:
    """Describe the workspace."""
    space = world.workspace
    if arguments.maybe("team") not in {None, space.team_id}:
        raise Refusal("team_not_found")
    team: Answer = {
        "id": space.team_id,
        "name": space.team_name,
        "domain": space.team_domain,
        "email_domain": "",
    }
    if space.enterprise_id:
        team |= {"enterprise_id": space.enterprise_id, "enterprise_name": space.team_name}
    return {"team": team}


def bots_info(world: World, arguments: Arguments) -> Answer:
    """Describe the app's bot."""
    app = world.workspace.app
    if arguments.maybe("bot") not in {None, app.bot_id}:
        raise Refusal("bot_not_found")
    return {
        "bot": {
            "id": app.bot_id,
            "deleted": False,
            "name": app.name,
            "app_id": app.id,
            "user_id": app.bot_user,
        }
    }


def auth_test(world: World, arguments: Arguments) -> Answer:
    """Say who the token belongs to."""
    space = world.workspace
    answer: Answer = {
        "url": f"https://{space.team_domain}.slack.com/",
        "team": space.team_name,
        "user": space.app.name,
        "team_id": space.team_id,
        "user_id": space.app.bot_user,
        "bot_id": space.app.bot_id,
        "is_enterprise_install": False,
    }
    return answer | ({"enterprise_id": space.enterprise_id} if space.enterprise_id else {})


GROUPS = ("usergroups:read",)
METHODS = (
    Method("auth.test", auth_test, Tier.SPECIAL, json=True),
    Method("users.info", users_info, Tier.T4, ("users:read",)),
    Method("users.lookupByEmail", lookup_by_email, Tier.T3, ("users:read.email",)),
    Method("usergroups.list", usergroups_list, Tier.T2, GROUPS),
    Method("usergroups.users.list", usergroup_users, Tier.T2, GROUPS),
    Method("team.info", team_info, Tier.T3, ("team:read",)),
    Method("bots.info", bots_info, Tier.T3, ("users:read",)),
)
