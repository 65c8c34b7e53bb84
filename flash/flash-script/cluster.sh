# ---- Kubernetes, with the person's own rights ----------------------------------------------------------

# kube ARGUMENT...: kubectl with the connection that was asked for
kube() {
  [ -z "$context" ] || set -- --context "$context" "$@"
  [ -z "$kubeconfig" ] || set -- --kubeconfig "$kubeconfig" "$@"
  (start_tool "$kubectl_command" --request-timeout=20s "$@")
}

# ask_kube ARGUMENT...: kubectl, its output in answer and what it complains of in error; a warning is no answer
ask_kube() {
  answer=''
  error=$(kube "$@" 2>&1 >"$work/answer") || return 1
  answer=$(cat "$work/answer")
}

# explain_kube ERROR-TEXT VERB KIND NAME: ends the script with a sentence for what kubectl said.
# "not found" and conflicts are the callers' own, who know what they mean.
explain_kube() {
  check_local "$1"
  last=$(printf '%s\n' "$1" | sed -n '/^ *$/d; $p' | cut -c 1-300)
  case $1 in
  *'(Forbidden)'* | *' is forbidden: '*)
    fail 5 "You may not $2 $3 \"$4\" in namespace \"$namespace\"." "Ask whoever runs the cluster for the right to $2 it (kubectl auth can-i $2 $3/$4 -n $namespace tells when you have it)."
    ;;
  *'ust be logged in'* | *Unauthorized* | *'provide credentials'* | *'getting credentials'*)
    fail 4 "The cluster does not know who you are." "Log in again, or give your access with --kubeconfig."
    ;;
  *'context '*' does not exist'* | *'no context exists'* | *'context was not found'*)
    fail 4 "There is no kube-context \"$context\"." "kubectl config get-contexts lists them."
    ;;
  *'o configuration has been provided'* | *'error loading config file'* | *'stat '*': no such file'* | *'localhost:8080'*)
    fail 4 "kubectl has no access to a cluster." "Give the file you were sent with --kubeconfig FILE."
    ;;
  *'nable to connect'* | *'onnection refused'* | *'was refused'* | *'i/o timeout'* | *'no route to host'* | *'no such host'* | *'deadline exceeded'* | *'TLS handshake'* | *'Client.Timeout'* | *'timed out'* | *': EOF'* | *'x509:'*)
    fail 4 "The cluster cannot be reached ($last)." "Check this computer's network or VPN, and --context."
    ;;
  *'namespaces "'*'" not found'*)
    fail 4 "This cluster has no namespace \"$namespace\"." "Check --context and --namespace: this is probably another cluster."
    ;;
  esac
  fail 4 "The cluster refused to $2 $3 \"$4\": $last." "If this says nothing to you, show it to whoever runs the cluster."
}

# A cluster is known by the UID of its kube-system namespace. Who may not read that goes on: the objects'
# own labels are checked as well. The first question to the cluster, so it also tells whether it can be reached.
check_cluster() {
  if [ -z "$CLUSTER_UID" ]; then
    ask_kube get --raw /version || explain_kube "$error" get version of-the-cluster
    return 0
  fi
  # --raw, since kubectl otherwise asks an unreachable cluster five times
  if ask_kube get --raw /api/v1/namespaces/kube-system; then
    found=$(printf '%s' "$answer" | tr ',' '\n' | sed -n 's/.*"uid": *"\([^"]*\)".*/\1/p' | sed -n 1p)
    [ "$found" = "$CLUSTER_UID" ] || fail 4 "Your kubectl talks to another cluster than the one of $CLUSTER." "Choose the right one with --context (kubectl config get-contexts lists them)."
    return 0
  fi
  case $error in
  *'(Forbidden)'*) return 0 ;;
  esac
  explain_kube "$error" get namespace kube-system
}
